/** The topics a client listens to, and those that its kind prefixes bring. No I/O. */

import { Route } from "./routes.js";

/** Topics known at a time; what a prefix brings beyond that is counted as unrouted. */
export const ROUTES_MAX = 200_000;

/** Routes by topic. */
export class RouteTable {
  private readonly routes = new Map<string, Route>();
  private readonly prefixes = new Set<string>();

  /** Accept a topic, or everything under a kind prefix such as `news,`; a prefix has no route. */
  add(topic: string): Route | null {
    if (topic.indexOf(",") === topic.length - 1) {
      this.prefixes.add(topic);
      return null;
    }
    const route = this.routeOf(topic);
    route.isOfPrefix = false;
    return route;
  }

  /** Accept a topic that came; null when it is under no prefix, or too many are known. */
  addOfPrefix(topic: string): Route | null {
    const prefix = topic.slice(0, topic.indexOf(",") + 1);
    if (!this.prefixes.has(prefix) || this.routes.size >= ROUTES_MAX) return null;
    const route = this.routeOf(topic);
    route.isOfPrefix = true;
    return route;
  }

  /** What is known of a topic. */
  get(topic: string): Route | undefined {
    return this.routes.get(topic);
  }

  /** Everything known. */
  values(): Iterable<Route> {
    return this.routes.values();
  }

  /**
   * Stop accepting a topic, or everything under a prefix that was not added by itself.
   *
   * @returns The topics that had a route.
   */
  remove(topic: string): string[] {
    const gone = [topic];
    if (this.prefixes.delete(topic)) {
      for (const [name, route] of this.routes) {
        if (route.isOfPrefix && name.startsWith(topic)) gone.push(name);
      }
    }
    return gone.filter((name) => this.routes.delete(name));
  }

  private routeOf(topic: string): Route {
    const route = this.routes.get(topic) ?? new Route(topic);
    this.routes.set(topic, route);
    return route;
  }
}
