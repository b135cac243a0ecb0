const COLUMNS = 104;
const LINE = 18;
const CHARACTER = 7.83;
const MARGIN = 20;

/** Draws a terminal's text as an SVG picture. Lines of more than 104 characters are broken. */
export function terminalPicture(text: string): string {
  const lines = text
    .trimEnd()
    .split("\n")
    .flatMap((line) => line.match(new RegExp(`.{1,${COLUMNS}}`, "gu")) ?? [""]);
  const width = Math.ceil(COLUMNS * CHARACTER + 2 * MARGIN);
  const height = lines.length * LINE + 2 * MARGIN;
  const rows = lines.map(
    (line, i) => `<text x="${MARGIN}" y="${MARGIN + 13 + i * LINE}"${classOf(line)}>${escaped(line)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<title>The terminal of make demo</title>
<style>
text { fill: #d0d7de; font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }
.verb { fill: #7ee787; font-weight: 600 }
.host { fill: #8b949e }
</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
${rows.join("\n")}
</svg>
`;
}

/** The lines that begin a verb and those that name the host have colours of their own. */
function classOf(line: string): string {
  if (/^(\$|—) /.test(line)) return ' class="verb"';
  return /^local: /.test(line) ? ' class="host"' : "";
}

const escaped = (line: string): string => line.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
