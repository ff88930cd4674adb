/**
 * Markdown to HTML that can do no harm. What a model writes is not trusted:
 *  - HTML in it is shown as the text it is; pictures become links, since loading one would tell its address to others;
 *  - links are those of the web and of mail, all others are text;
 *  - what is left passes DOMPurify with the few tags that this file makes, as trusted types where the browser has them.
 */
import DOMPurify from '../lib/purify.js';
import {Marked, Renderer} from '../lib/marked.js';
import {t} from './language.js';

const SAFE_ADDRESS = /^(?:https?:\/\/|mailto:)/i;

const TAGS = ['a', 'blockquote', 'br', 'button', 'code', 'del', 'div', 'em', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'hr',
  'li', 'ol', 'p', 'pre', 'span', 'strong', 'table', 'tbody', 'td', 'th', 'thead', 'tr', 'ul'];

const PURIFY = {
  ALLOWED_TAGS: TAGS,
  ALLOWED_ATTR: ['align', 'class', 'href', 'rel', 'start', 'target', 'type'],
  ADD_URI_SAFE_ATTR: ['align', 'class', 'rel', 'start', 'target', 'type'], // are no addresses
  ALLOWED_URI_REGEXP: SAFE_ADDRESS,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_TRUSTED_TYPE: true,
};

const renderer = {
  html({text, block}) {
    return block ? `<p>${escape(text.trim()).replace(/\n/g, '<br>')}</p>` : escape(text);
  },
  image({href, text}) {
    return link(href, escape(text || href));
  },
  link({href, tokens}) {
    return link(href, this.parser.parseInline(tokens));
  },
  checkbox({checked}) {
    return checked ? '☑ ' : '☐ ';
  },
  table(token) {
    return `<div class="table">${Renderer.prototype.table.call(this, token)}</div>`; // wide ones scroll, not the page
  },
  code({text, lang}) {
    const language = /^[\w+#.-]*/.exec(lang ?? '')[0];
    return `<div class="code"><div class="code-head"><span>${escape(language)}</span>`
        + `<button type="button" class="copy">${escape(t('copy'))}</button></div>`
        + `<pre><code>${highlighted(text, language)}</code></pre></div>`;
  },
};

const marked = new Marked({gfm: true, breaks: true}).use({renderer});

/** The blocks of a text: paragraphs, lists, code and so on, as tokens with `raw`, their text. */
export function blocks(text) {
  return marked.lexer(text).filter(token => token.type !== 'space');
}

/** A block's safe HTML. */
export function toHtml(token) {
  return DOMPurify.sanitize(marked.parser([token]), PURIFY);
}

/** Code in colours as safe HTML. */
export function codeToHtml(text, language) {
  return DOMPurify.sanitize(highlighted(text, language), PURIFY);
}

function highlighted(text, language) {
  const hljs = globalThis.hljs;
  return hljs?.getLanguage(language) ? hljs.highlight(text, {language, ignoreIllegals: true}).value : escape(text);
}

function link(href, html) {
  return SAFE_ADDRESS.test(href)
      ? `<a href="${escape(href)}" target="_blank" rel="noopener noreferrer nofollow">${html}</a>`
      : html;
}

function escape(text) {
  return text.replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);
}
