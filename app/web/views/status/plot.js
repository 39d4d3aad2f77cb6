// A small plot, drawn by uPlot in the theme's colours. It says nothing by itself: the figure around it says it in words.
import { html, useEffect, useLayoutEffect, useRef } from "../../lib/html.js";
import { useStore } from "../../lib/store.js";
import { language } from "../../lib/texts.js";
import { theme } from "../../lib/theme.js";
import uPlot from "../../vendor/uplot.js";
import { axisTime } from "./times.js";

const HEIGHT = 200;

/** `lines` are `{label, values, colour, dash?}`, `colour` a token; `bars` stacks them. `format` writes a value. */
export function Plot({ times, step, lines, format, whole = false, bars = false, onPoint }) {
  const box = useRef(null);
  const drawn = useRef(null);
  const point = useRef(onPoint);
  point.current = onPoint;
  const { code } = useStore(language);
  const chosen = useStore(theme);
  const data = [times, ...(bars ? stacked(lines) : lines.map((line) => line.values))];
  // What a new drawing needs; values alone are only filled in. The range along x is read from `times` when drawing.
  const looks = lines.map(({ label, colour, dash }) => [label, colour, dash]);
  const shape = JSON.stringify([looks, step, times[0], times.length, bars, code, chosen]);

  useLayoutEffect(() => {
    const draw = () => {
      drawn.current?.destroy();
      const width = box.current.clientWidth;
      drawn.current = new uPlot(optionsOf({ times, step, lines, format, whole, bars, width, point }), data, box.current);
    };
    draw();
    const sized = new ResizeObserver(() => drawn.current.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    sized.observe(box.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    return () => {
      dark.removeEventListener("change", draw);
      sized.disconnect();
      drawn.current.destroy();
      drawn.current = null;
    };
  }, [shape]);
  useEffect(() => {
    drawn.current?.setData(data);
  }, [JSON.stringify(data)]);
  return html`<div ref=${box} class="plot" aria-hidden="true"></div>`;
}

/** Each line on top of those before it, the tallest first, so that what is drawn later does not hide it. */
function stacked(lines) {
  const sums = [];
  let below = lines[0]?.values.map(() => 0) ?? [];
  for (const { values } of lines) {
    below = values.map((value, n) => (value ?? 0) + below[n]);
    sums.unshift(below);
  }
  return sums;
}

function optionsOf({ times, step, lines, format, whole, bars, width, point }) {
  const style = getComputedStyle(document.documentElement);
  const token = (name) => style.getPropertyValue(name).trim();
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: token("--muted"), font, ticks: { show: false }, grid: { stroke: token("--line"), width: 1 } };
  const series = (bars ? [...lines].reverse() : lines).map(({ label, colour, dash }) => ({
    label,
    stroke: token(colour),
    width: bars ? 0 : 2,
    ...(bars ? { fill: token(colour), paths: uPlot.paths.bars({ size: [0.7, 36] }) } : {}),
    ...(dash ? { dash: [6, 4] } : {}),
    points: bars ? { show: false } : { show: true, size: 5, fill: token(colour), filter: lonely },
    spanGaps: false,
  }));
  return {
    width,
    height: HEIGHT,
    padding: [8, 24, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: !bars } },
    scales: {
      x: { time: true, range: () => [times[0] - step / 2, times.at(-1) + step / 2] },
      y: { range: (_, __, most) => [0, whole ? Math.max(4, most * 1.1) : (most || 1) * 1.1] },
    },
    axes: [
      { ...axis, grid: { show: false }, values: (_, splits) => splits.map((at) => axisTime(at, step)), space: 64, size: 26 },
      {
        ...axis,
        values: (_, splits) => splits.map((value) => (value === null ? "" : format(value))),
        size: 58,
        space: 30,
        ...(whole ? { incrs: WHOLE } : {}),
      },
    ],
    series: [{}, ...series],
    hooks: { setCursor: [(plot) => point.current?.(plot.cursor.idx ?? null)] },
  };
}

const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000, 100_000, 1_000_000];

/** A value between two gaps is no line; only a point shows it. */
function lonely(plot, at) {
  const there = (n) => (plot.data[at][n] ?? null) !== null;
  return [...plot.data[at].keys()].filter((n) => there(n) && !there(n - 1) && !there(n + 1));
}
