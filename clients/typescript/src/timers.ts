/** Things to be done later, by monotonic time in milliseconds. There are never many. */
export class Timers {
  private waiting: { readonly atMs: number; readonly run: () => void }[] = [];

  /** Have something done at a time. */
  later(atMs: number, run: () => void): void {
    this.waiting.push({ atMs, run });
  }

  /** Do what is due. */
  run(nowMs: number): void {
    const due = this.waiting.filter((timer) => timer.atMs <= nowMs);
    if (due.length === 0) return;
    this.waiting = this.waiting.filter((timer) => timer.atMs > nowMs);
    for (const timer of due) timer.run();
  }

  /** When the next one is due; Infinity when there is none. */
  deadlineMs(): number {
    return this.waiting.reduce((least, timer) => Math.min(least, timer.atMs), Infinity);
  }
}
