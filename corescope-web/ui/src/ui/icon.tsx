/** An outline icon of the sprite; decorative unless it gets a label. */
export function Icon({ name, large = false }: { name: string; large?: boolean }) {
  return (
    <svg class={large ? "i20" : "i"} aria-hidden="true">
      <use href={`#i-${name}`} />
    </svg>
  );
}
