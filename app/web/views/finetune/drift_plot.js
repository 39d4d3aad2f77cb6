// One small figure as SVG, as wide as there is room: lines over time, levels, and a mark for each alarm.
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { day } from "./drift_series.js";
import { ticks } from "./series.js";

const HEIGHT = 140;
const EDGE = { top: 12, right: 10, bottom: 22, left: 48 };
const KEYS = 5;
const DOTS = 12; // up to so many points each is marked, or one alone would not be seen
const DAY_MS = 86_400_000;

export function Plot({ of }) {
  const box = useRef(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(box.current.clientWidth);
    measure();
    const sized = new ResizeObserver(measure);
    sized.observe(box.current);
    return () => sized.disconnect();
  }, []);
  return html`<div ref=${box} class="drift-plot" aria-hidden="true">${width > 0 && html`<${Drawn} of=${of} width=${width} />`}</div>`;
}

function Drawn({ of: { lines, before, borne, alarms, show, least }, width }) {
  const points = lines.flatMap((line) => line.points);
  const [left, right] = apart(points.map(([at]) => at).concat(alarms), DAY_MS / 2);
  const flat = [before, borne].filter(Number.isFinite);
  const values = points.map(([, value]) => value).concat(flat, least ?? []);
  const [low, high] = apart(values, Math.max(...values.map(Math.abs)) * 0.1 || 0.5);
  const x = (at) => EDGE.left + ((at - left) / (right - left)) * (width - EDGE.left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - ((value - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const ends = points.length > 1 ? [left, right] : [];
  return html`<svg width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} focusable="false">
    ${ticks(low, high, 3).map(
      (value) => html`<g key=${value}>
        <line class="learning-grid" x1=${EDGE.left} x2=${width - EDGE.right} y1=${y(value)} y2=${y(value)} />
        <text class="learning-tick" x=${EDGE.left - 6} y=${y(value) + 4} text-anchor="end">${show(value)}</text>
      </g>`,
    )}
    ${ends.map((at, n) => html`<text key=${n} class="learning-tick" x=${x(at)} y=${HEIGHT - 5} text-anchor=${n ? "end" : "start"}>${day(at)}</text>`)}
    ${flat.map((value) => html`<line key=${value} class="drift-level" x1=${EDGE.left} x2=${width - EDGE.right} y1=${y(value)} y2=${y(value)} />`)}
    ${alarms.map(
      (at) => html`<g key=${at} class="drift-mark">
        <line x1=${x(at)} x2=${x(at)} y1=${EDGE.top} y2=${HEIGHT - EDGE.bottom} />
        <path d=${`M${x(at) - 5},2 h10 l-5,9 z`} />
      </g>`,
    )}
    ${lines.map(
      (line, n) => html`<g key=${line.name} class=${`learning-line drift-line-${(n % KEYS) + 1}`}>
        <polyline points=${line.points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ")} />
        ${line.points.length <= DOTS && line.points.map(([at, value]) => html`<circle key=${at} cx=${x(at)} cy=${y(value)} r="2.5" />`)}
      </g>`,
    )}
  </svg>`;
}

/** The least and the most of `values`, `margin` to either side where they are one. */
function apart(values, margin) {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return most > least ? [least, most] : [least - margin, most + margin];
}
