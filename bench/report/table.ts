// Figures as text: a Markdown table, and numbers with as many digits as they have meaning.

/** A table whose first row is the heading. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const [heading = [], ...body] = rows;
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(heading), `|${heading.map(() => "---").join("|")}|`, ...body.map(line)].join("\n");
}

/** Three digits, more before the point: 0.0132, 1.57, 64.5, 19,531. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const digits = size >= 99.5 ? 0 : size >= 9.95 ? 1 : size >= 0.995 ? 2 : 3;
  const fixed = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en", fixed);
}

/** `figure` with its sign. */
export function added(value: number): string {
  return value > 0 ? `+${figure(value)}` : figure(value);
}

/** 1 KB for 1,024 bytes. */
export function kilobytes(bytes: number): string {
  return `${figure(bytes / 1024).replace(/\.0+$/, "")} KB`;
}

/** 1.5 MiB for 1,572,864 bytes. */
export function megabytes(bytes: number): string {
  return `${figure(bytes / 1024 ** 2)} MiB`;
}
