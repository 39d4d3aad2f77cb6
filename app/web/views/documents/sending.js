// One file on its way: begins or goes on with its upload, and tries again for as long as it is the network that fails.
import { Problem, session } from "../../lib/api.js";
import { reasonOf } from "../../lib/reasons.js";
import { t } from "../../lib/texts.js";
import { loadTus } from "./tus.js";

const ENDPOINT = "/v1/uploads";
const AT_ONCE = 1_000_000; // a file this small goes along with the beginning: one request instead of two
const PAUSES = [0.5, 1, 2, 4, 8, 15]; // seconds
const TRIES = 12; // for a server that answers, but cannot now

const metadataOf = ({ file, path, batch }) => ({
  filename: file.name,
  external_id: path,
  collection: batch.collection,
  ...(batch.title ? { title: batch.title } : {}),
  ...(batch.groups.length ? { groups: JSON.stringify(batch.groups) } : {}),
  ...(Object.keys(batch.metadata).length ? { metadata: JSON.stringify(batch.metadata) } : {}),
});

/**
 * Sends `item.file`. Calls `progress(bytes)`, `paused(problem | null)` whenever it waits for another try, and resolves to
 * `{documentId, jobId, unchanged}`. Rejects with a `Problem`. `item.stop(forget)` ends it, `item.wake()` ends a pause.
 */
export async function sendFile(item, { progress, paused }) {
  const tus = await loadTus();
  return new Promise((resolve, reject) => {
    let attempts = 0;
    let furthest = 0;
    let timer = null;
    let stopped = false;
    const metadata = metadataOf(item);
    const identity = [item.file.name, item.file.size, item.file.lastModified, session.get()?.principal?.id, metadata];

    const again = (problem) => {
      paused(problem);
      timer = setTimeout(item.wake, 1000 * PAUSES[Math.min(attempts, PAUSES.length - 1)]);
      attempts += 1;
    };
    const failed = async (error) => {
      if (stopped) return;
      const problem = problemOf(error);
      const gone = problem.status === 0 && !(await readable(item.file));
      if (stopped) return;
      if (gone) {
        reject(new Problem({ status: 0, code: "unreadable", message: t("uploads.changed") }));
      } else if (problem.status === 0 || (passing(problem.status) && attempts < TRIES)) again(problem);
      else reject(problem);
    };

    const upload = new tus.Upload(item.file, {
      endpoint: ENDPOINT,
      metadata,
      retryDelays: null, // `failed` decides
      uploadDataDuringCreation: item.file.size <= AT_ONCE,
      removeFingerprintOnSuccess: true,
      fingerprint: async () => `footnote-${JSON.stringify(identity)}`,
      onProgress(sent) {
        if (sent > furthest) {
          furthest = sent;
          attempts = 0;
        }
        progress(sent);
      },
      onAfterResponse: keepWhatIsThere,
      onError: failed,
      onSuccess({ lastResponse }) {
        resolve({
          documentId: lastResponse.getHeader("Footnote-Document"),
          jobId: lastResponse.getHeader("Footnote-Job"),
          unchanged: lastResponse.getHeader("Footnote-Unchanged") === "true",
        });
      },
    });

    item.wake = () => {
      clearTimeout(timer);
      if (timer === null || stopped) return;
      timer = null;
      paused(null);
      upload.start();
    };
    item.stop = (forget) => {
      stopped = true;
      clearTimeout(timer);
      upload.abort(forget).catch(() => {}); // it expires by itself where the server cannot be told
    };
    upload.findPreviousUploads().then((found) => {
      if (stopped) return;
      if (found.length) upload.resumeFromPreviousUpload(found[0]);
      upload.start();
    }, failed);
  });
}

/** The library begins anew whenever it is not told where an upload stands: only where there is none that is right. */
function keepWhatIsThere(request, response) {
  const status = response.getStatus();
  if (request.getMethod() === "HEAD" && status >= 400 && ![404, 410, 423].includes(status)) {
    throw Object.assign(new Error(`HEAD was answered with ${status}`), { response });
  }
}

const passing = (status) => [409, 423, 429].includes(status) || (status >= 500 && status !== 507);

function problemOf(error) {
  const response = error.originalResponse ?? error.causingError?.response;
  const status = response?.getStatus() ?? 0;
  if (status === 401) session.set({ signedOut: true });
  let body = {};
  try {
    body = JSON.parse(response?.getBody() ?? "{}");
  } catch {
    // A proxy may have answered with a page of its own.
  }
  const message = reasonOf({ code: body.code, message: body.detail }) ?? (status ? t("error.status", { status }) : t("uploads.away"));
  return new Problem({ status, code: body.code ?? "unknown", message, requestId: body.request_id });
}

/** A file that changed on disk since it was chosen can no longer be read; the browser calls that a network error. */
async function readable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

/** What was begun in this browser and not ended, as tus keeps it: `[{name, size, begun, forget()}]`. */
export async function interrupted() {
  const tus = await loadTus();
  const storage = tus.defaultOptions.urlStorage;
  const found = await storage.findAllUploads();
  return found
    .filter((upload) => upload.uploadUrl && upload.metadata?.filename)
    .map((upload) => ({
      key: upload.urlStorageKey,
      name: upload.metadata.filename,
      size: upload.size,
      begun: upload.creationTime,
      address: upload.uploadUrl,
      forget: async () => {
        await storage.removeUpload(upload.urlStorageKey);
        await tus.Upload.terminate(upload.uploadUrl, { retryDelays: null }).catch(() => {});
      },
    }));
}
