// Texts of the page in the user's language.
import en from './text/en.js';
import zh from './text/zh.js';

export const LANGUAGES = {en, zh};

let texts = en;

/** choice: a key of LANGUAGES, or 'system' for the browser's first language that we have. */
export function useLanguage(choice) {
  const wanted = choice === 'system' ? navigator.languages.map(tag => tag.slice(0, 2).toLowerCase()) : [choice];
  const name = wanted.find(tag => tag in LANGUAGES) ?? 'en';
  texts = LANGUAGES[name];
  document.documentElement.lang = name === 'zh' ? 'zh-Hans' : name;
}

/** The text of a key, with {name} replaced by values. */
export function t(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function number(value, digits = 0) {
  return value.toLocaleString(document.documentElement.lang,
      {minimumFractionDigits: digits, maximumFractionDigits: digits});
}
