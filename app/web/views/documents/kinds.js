// What kinds of files there are, in words.
import { t } from "../../lib/texts.js";

const NAMES = {
  "application/pdf": "PDF",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "Word",
  "application/vnd.openxmlformats-officedocument.presentationml.presentation": "PowerPoint",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "Excel",
  "application/epub+zip": "EPUB",
  "text/html": "HTML",
  "text/markdown": "Markdown",
  "text/csv": "CSV",
  "image/png": "PNG",
  "image/jpeg": "JPEG",
};

/** A document's kind in a word; nothing where it is not known yet. */
export function kindOf({ media_type: type, filename }) {
  if (type in NAMES) return NAMES[type];
  if (type === "text/plain") return t("documents.kind_text");
  if (type === "message/rfc822") return t("documents.kind_mail");
  return filename.includes(".") ? filename.split(".").pop().slice(0, 8).toUpperCase() : "";
}

/** Whether the server can draw its pages. */
export const isDrawable = ({ pages, media_type: type }) =>
  Boolean(pages) && (type === "application/pdf" || type.startsWith("image/"));

/** For the file pickers: what can be read. Whatever else is chosen is judged by its content. */
export const ACCEPTED =
  ".pdf,.docx,.pptx,.xlsx,.html,.htm,.md,.markdown,.txt,.text,.log,.csv,.tsv,.eml,.epub,.png,.jpg,.jpeg";
