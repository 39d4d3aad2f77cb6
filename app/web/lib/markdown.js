// Markdown to safe elements. Documents and generators write it, so nothing of it is trusted: what DOMPurify leaves has
// no scripts, styles, forms, images from elsewhere, or links other than http(s) and mailto.
import { Marked } from "../vendor/marked.js";
import DOMPurify from "../vendor/purify.js";

// Tags are no Markdown here: what looks like one stays the text that it is.
const marked = new Marked({ gfm: true, breaks: false, tokenizer: { html: () => undefined, tag: () => undefined } });

const ALLOWED = {
  ALLOWED_TAGS: [
    ..."p br strong em del code pre blockquote ul ol li h1 h2 h3 h4 h5 h6 hr a sup sub".split(" "),
    ..."table thead tbody tr th td".split(" "),
  ],
  ALLOWED_ATTR: ["href", "start", "align"],
  ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
};

DOMPurify.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName === "A") {
    node.setAttribute("target", "_blank");
    node.setAttribute("rel", "noopener noreferrer nofollow");
  }
});

/** `text` as HTML that may be put into the page. */
export const markdown = (text) => DOMPurify.sanitize(marked.parse(text), ALLOWED);

/** The same for a single sentence: no paragraph around it. */
export const inlineMarkdown = (text) => DOMPurify.sanitize(marked.parseInline(text), ALLOWED);
