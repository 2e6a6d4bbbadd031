/** Ranges of sequences, first and last included: joined, cut, subtracted. No I/O. */

/** First and last sequence, the first not above the last. */
export type Range = readonly [number, number];

/** Sort ranges and join those that touch or overlap. */
export function joined(ranges: readonly Range[]): Range[] {
  const found: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const previous = found.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) {
      previous[1] = Math.max(previous[1], last);
    } else {
      found.push([first, last]);
    }
  }
  return found;
}

/** Cut ranges, in any order and partly outside too, out of another one; ascending. */
export function without(whole: Range, taken: readonly Range[]): Range[] {
  let [first] = whole;
  const last = whole[1];
  const left: Range[] = [];
  for (const [takenFirst, takenLast] of joined(taken)) {
    if (takenLast < first) continue;
    if (takenFirst > last) break;
    if (takenFirst > first) left.push([first, takenFirst - 1]);
    first = takenLast + 1;
  }
  if (first <= last) left.push([first, last]);
  return left;
}
