// A chart of horizontal bars in groups, as SVG that reads on a light and on a dark page.

export interface BarChart {
  title: string;
  unit: string;
  groups: BarGroup[];
}

interface BarGroup {
  name: string;
  bars: Bar[];
}

interface Bar {
  name: string;
  value: number;
  color: string;
}

const WIDTH = 760;
const LEFT = 230;
const RIGHT = 90;
const BAR = 16;
const GROUP_GAP = 14;
const TOP = 40;

export function barChart({ title, unit, groups }: BarChart): string {
  const values = groups.flatMap((group) => group.bars.map((bar) => bar.value));
  const scale = (WIDTH - LEFT - RIGHT) / Math.max(...values, Number.MIN_VALUE);
  const parts: string[] = [text(10, 22, title, "font-weight='bold' font-size='14'")];
  let y = TOP;
  for (const group of groups) {
    parts.push(text(10, y + 12, group.name));
    for (const bar of group.bars) {
      const width = Math.max(0, bar.value * scale).toFixed(1);
      parts.push(
        `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR - 3}" fill="${bar.color}"/>`,
        text(LEFT - 6, y + 11, bar.name, "text-anchor='end'"),
        text(LEFT + Number(width) + 6, y + 11, `${bar.value.toPrecision(3)} ${unit}`),
      );
      y += BAR;
    }
    y += GROUP_GAP;
  }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="11" fill="#808080">`,
    ...parts,
    "</svg>",
  ].join("\n");
}

function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  return `<text x="${x}" y="${y}" ${attributes}>${escaped}</text>`;
}
