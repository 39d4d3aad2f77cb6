// Curves drawn as SVG, as wide as there is room. They say nothing by themselves: the figure around them does.
import { html, useLayoutEffect, useRef, useState } from "../../lib/html.js";
import { figure } from "./parts.js";
import { ticks } from "./series.js";

const HEIGHT = 180;
const EDGE = { top: 8, right: 12, bottom: 24, left: 52 };

/** `series` are `{name, held, points: [[step, value]]}`. */
export function Drawing({ series }) {
  const box = useRef(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = () => setWidth(box.current.clientWidth);
    measure();
    const sized = new ResizeObserver(measure);
    sized.observe(box.current);
    return () => sized.disconnect();
  }, []);
  return html`<div ref=${box} class="learning-drawing" aria-hidden="true">
    ${width > 0 && html`<${Lines} series=${series} width=${width} />`}
  </div>`;
}

function Lines({ series, width }) {
  const points = series.flatMap((each) => each.points);
  const [left, right] = reach(points.map(([step]) => step), 0);
  const [low, high] = reach(points.map(([, value]) => value), 0.06);
  const x = (step) => EDGE.left + ((step - left) / (right - left)) * (width - EDGE.left - EDGE.right);
  const y = (value) => HEIGHT - EDGE.bottom - ((value - low) / (high - low)) * (HEIGHT - EDGE.top - EDGE.bottom);
  const whole = ticks(left, right, Math.max(2, width / 90)).filter(Number.isInteger);
  return html`<svg width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} focusable="false">
    ${ticks(low, high, 4).map(
      (value) => html`<g key=${value}>
        <line class="learning-grid" x1=${EDGE.left} x2=${width - EDGE.right} y1=${y(value)} y2=${y(value)} />
        <text class="learning-tick" x=${EDGE.left - 6} y=${y(value) + 4} text-anchor="end">${figure(value)}</text>
      </g>`,
    )}
    ${whole.map((step) => html`<text key=${step} class="learning-tick" x=${x(step)} y=${HEIGHT - 6} text-anchor="middle">${step}</text>`)}
    ${series.map(
      (each) => html`<g key=${each.name} class=${each.held ? "learning-line learning-held" : "learning-line learning-trained"}>
        <polyline points=${each.points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ")} />
        ${(each.held || each.points.length === 1) && each.points.length <= 40 && each.points.map(([step, value]) => html`<circle key=${step} cx=${x(step)} cy=${y(value)} r="3" />`)}
      </g>`,
    )}
  </svg>`;
}

/** The least and the most of `values`, a little apart where they are one. */
function reach(values, margin) {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const apart = (most - least) * margin || (most === least ? Math.max(Math.abs(most) * 0.1, 0.5) : 0);
  return [least - apart, most + apart];
}
