// The ways between boxes that stand in a row or in a column, and the way back from the last to the first.

const HEAD = 5; // half the width of an arrow's head, in pixels
const FREE = 3; // between a way and the box it leads to

/** `boxes` are `{x, y, width, height}`, `height` that of all of them with what is free below; `[{line, head}]` as paths. */
export function waysBetween(boxes, height) {
  if (boxes.length < 2) return [];
  const [first, last] = [boxes[0], boxes.at(-1)];
  const row = Math.abs(first.y - last.y) < 1;
  const between = boxes.slice(1).map((to, n) => (row ? across(boxes[n], to) : down(boxes[n], to)));
  return [...between, row ? backBelow(first, last, height) : backBeside(first, last)];
}

function across(from, to) {
  const y = Math.round(from.y + from.height / 2);
  const end = to.x - FREE;
  return { line: `M${from.x + from.width + FREE} ${y}H${end - HEAD}`, head: `M${end} ${y}l${-2 * HEAD} ${-HEAD}v${2 * HEAD}z` };
}

function down(from, to) {
  const x = Math.round(from.x + from.width / 2);
  const end = to.y - FREE;
  return { line: `M${x} ${from.y + from.height + FREE}V${end - HEAD}`, head: `M${x} ${end}l${-HEAD} ${-2 * HEAD}h${2 * HEAD}z` };
}

function backBelow(first, last, height) {
  const [left, right] = [first, last].map(({ x, width }) => Math.round(x + width / 2));
  const [from, to] = [last, first].map((each) => each.y + each.height + FREE);
  return { line: `M${right} ${from}V${height - 2}H${left}V${to + HEAD}`, head: `M${left} ${to}l${-HEAD} ${2 * HEAD}h${2 * HEAD}z` };
}

function backBeside(first, last) {
  const [top, bottom] = [first, last].map(({ y, height }) => Math.round(y + height / 2));
  const [from, to] = [last.x - FREE, first.x - FREE];
  return { line: `M${from} ${bottom}H2V${top}H${to - HEAD}`, head: `M${to} ${top}l${-2 * HEAD} ${-HEAD}v${2 * HEAD}z` };
}
