// Paints the spikes that are in sight into an image of the plot's own pixels, once per frame at most. With 100,000
// spikes a frame takes a few milliseconds and no graphics card; Bokeh's marks take 100 ms, and WebGL without a card seconds.
// `spikes` is sorted by time.
function paint() {
  const ratio = window.devicePixelRatio || 1;
  const w = Math.max(1, Math.round(plot.inner_width * ratio)), h = Math.max(1, Math.round(plot.inner_height * ratio));
  const x0 = plot.x_range.start, x1 = plot.x_range.end, y0 = plot.y_range.start, y1 = plot.y_range.end;
  const t = spikes.data.x, cell = spikes.data.y, n = t.length;
  const NDArray = image.data.image[0].constructor, pixels = new NDArray(w * h, [h, w]);
  const per_t = w / (x1 - x0), per_cell = h / (y1 - y0);
  const tall = Math.max(ratio, Math.floor(0.8 * per_cell)), wide = tall > 3 * ratio ? 2 * ratio : ratio;
  let first = 0, end = n;
  while (first < end) {
    const middle = (first + end) >> 1;
    if (t[middle] < x0) first = middle + 1; else end = middle;
  }
  for (let k = first; k < n && t[k] <= x1; ++k) {
    const left = Math.floor((t[k] - x0) * per_t), low = Math.round((cell[k] - y0) * per_cell - tall / 2);
    const right = Math.min(w, left + wide), high = Math.min(h, low + tall);
    for (let b = Math.max(0, low); b < high; ++b)
      for (let a = left; a < right; ++a) pixels[b * w + a] = ink;
  }
  image.data = {image: [pixels], x: [x0], y: [y0], dw: [x1 - x0], dh: [y1 - y0]};
  spikes.n_painted = (spikes.n_painted || 0) + 1;
}
if (!spikes.waiting) {
  spikes.waiting = true;
  requestAnimationFrame(() => { spikes.waiting = false; paint(); });
}
