// What a PNG says of itself: https://www.w3.org/TR/png-3/#11pHYs.

/** How many pixels make a point (1/72 inch) in the PNG in `buffer`; null where it does not say. */
export function pixelsPerPoint(buffer) {
  const view = new DataView(buffer);
  // After the signature come chunks: length, type, data, checksum; pHYs stands before the first of the picture.
  for (let at = 8; at + 8 <= view.byteLength; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...new Uint8Array(buffer, at + 4, 4));
    if (type === "IDAT") return null;
    if (type === "pHYs") return view.getUint8(at + 16) === 1 ? (view.getUint32(at + 8) * 0.0254) / 72 : null;
  }
  return null;
}
