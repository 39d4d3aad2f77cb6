// Lines of a run's curves as figures: what belongs together in one, what was kept back beside what was trained on.

const ASIDE = new Set(["step", "time", "epoch", "total_flos", "train_loss"]);
const TIMED = /runtime|per_second|num_tokens|step_time|preparation_time/;

/** Whether a value tells what was learnt, and not how long it took. */
export const isMeasure = (name) => !ASIDE.has(name) && !TIMED.test(name);

/** What is looked at first; everything else stands behind a fold. */
export const FIRST = ["loss", "reward", "rewards/accuracies", "rewards/margins", "mean_token_accuracy", "kl", "accuracy", "ndcg@10"];
const MOST_POINTS = 600;

const place = (name) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
const bare = (key) => key.replace(/^eval_/, "");

/** Names of what was measured, with what is looked at first in front. */
export const byWeight = (a, b) => place(bare(a)) - place(bare(b)) || a.localeCompare(b);

/** `[{name, series: [{name, held, points: [[step, value]]}]}]`, those of `FIRST` first. */
export function figuresOf(lines) {
  const found = new Map();
  for (const line of lines) {
    for (const [key, value] of Object.entries(line)) {
      if (!isMeasure(key) || value === null || !Number.isFinite(value)) continue;
      const held = key.startsWith("eval_");
      const name = bare(key);
      if (!found.has(name)) found.set(name, new Map());
      const series = found.get(name);
      if (!series.has(key)) series.set(key, { name: key, held, points: [] });
      series.get(key).points.push([line.step, value]);
    }
  }
  return [...found]
    .map(([name, series]) => ({ name, series: [...series.values()].sort((a, b) => a.held - b.held).map(thinned) }))
    .sort((a, b) => byWeight(a.name, b.name));
}

/** No more points than can be told apart; the last one stays. */
function thinned({ points, ...series }) {
  const every = Math.ceil(points.length / MOST_POINTS);
  return { ...series, points: points.filter((_, n) => n % every === 0 || n === points.length - 1) };
}

/** Round values between `least` and `most`, about `count` of them. */
export function ticks(least, most, count) {
  const raw = (most - least) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const size = [1, 2, 5, 10].find((each) => each * power >= raw) * power;
  const found = [];
  for (let at = Math.ceil(least / size) * size; at <= most + size * 1e-6; at += size) found.push(Number(at.toPrecision(12)));
  return found;
}
