/** A box of the view in px. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Where nothing may be written: a grid of cells, so that thousands of boxes stay quick. */
export class Occupied {
  private readonly cells = new Map<number, Box[]>();
  private static readonly CELL = 64;

  /** Takes a box. */
  take(box: Box): void {
    this.each(box, (key) => {
      const there = this.cells.get(key);
      if (there) there.push(box);
      else this.cells.set(key, [box]);
    });
  }

  /** Whether a box touches none that was taken. */
  isFree(box: Box): boolean {
    let free = true;
    this.each(box, (key) => {
      for (const other of this.cells.get(key) ?? []) {
        if (
          box.left < other.right &&
          box.right > other.left &&
          box.top < other.bottom &&
          box.bottom > other.top
        )
          free = false;
      }
    });
    return free;
  }

  /** Takes the first of some boxes that is free; -1 when none is. */
  place(candidates: readonly Box[]): number {
    const at = candidates.findIndex((box) => this.isFree(box));
    const box = candidates[at];
    if (box) this.take(box);
    return at;
  }

  private each(box: Box, visit: (key: number) => void): void {
    const size = Occupied.CELL;
    for (let x = Math.floor(box.left / size); x <= Math.floor(box.right / size); x++) {
      for (let y = Math.floor(box.top / size); y <= Math.floor(box.bottom / size); y++)
        visit(x * 100_003 + y);
    }
  }
}
