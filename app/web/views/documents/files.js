// What people choose or drop, as a flat list of files with the paths that become their documents' names.

const HIDDEN = /^(\.|~\$|Thumbs\.db$|desktop\.ini$)/i;

/** The files of a picker: `[{file, path}]`; of a folder's files the path begins with the folder's name. */
export const picked = (list) => [...list].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

/** The files of a drop, those inside dropped folders included. */
export async function dropped(transfer) {
  // Entries must be asked for before anything is awaited: afterwards the list is empty.
  const entries = [...transfer.items].filter((item) => item.kind === "file").map((item) => item.webkitGetAsEntry?.());
  const files = [...transfer.files];
  if (!entries.every(Boolean)) return picked(files);
  const found = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

async function walk(entry, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    if (file) found.push({ file, path: entry.fullPath.replace(/^\//, "") });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    // A reader gives a hundred at a time.
    const part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!part.length) return;
    for (const inside of part) await walk(inside, found);
  }
}

/** Sorts out what cannot become a document: `{files, left: {hidden, empty, large}}`, the latter as counts. */
export function sorted(all, largest) {
  const left = { hidden: 0, empty: 0, large: 0 };
  const files = all.filter(({ file, path }) => {
    const why = path.split("/").some((part) => HIDDEN.test(part))
      ? "hidden"
      : file.size === 0
        ? "empty"
        : file.size > largest
          ? "large"
          : null;
    if (why) left[why] += 1;
    return !why;
  });
  return { files, left };
}
