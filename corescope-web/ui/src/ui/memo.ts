import { Component, type ComponentChildren, type FunctionComponent, h } from "preact";

/** Draws a component anew only when one of its properties changed (compared by identity). */
export function memo<P extends object>(View: FunctionComponent<P>): FunctionComponent<P> {
  class Memo extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const now = this.props as Record<string, unknown>;
      const then = next as Record<string, unknown>;
      const keys = Object.keys(then);
      return keys.length !== Object.keys(now).length || keys.some((key) => now[key] !== then[key]);
    }
    override render(): ComponentChildren {
      return h(View, this.props as P & { children?: ComponentChildren });
    }
  }
  return Memo as unknown as FunctionComponent<P>;
}
