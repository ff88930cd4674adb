// What the user chose, in localStorage.
const DEFAULTS = {
  theme: 'system',
  language: 'system',
  key: '',
  model: null,
  system: '',
  sampling: {}, // name: what stands in the field; nothing for the server's own choice
  stop: '',
  tools: '',
};

/** Fields of a request that are numbers, with the bounds that the server sets. */
export const SAMPLING = [
  {name: 'temperature', min: 0, max: 2, step: 0.05},
  {name: 'max_tokens', min: 1, step: 1},
  {name: 'top_p', min: 0, max: 1, step: 0.01},
  {name: 'top_k', min: 0, step: 1},
  {name: 'min_p', min: 0, max: 1, step: 0.01},
  {name: 'seed', min: 0, step: 1},
  {name: 'presence_penalty', min: -2, max: 2, step: 0.1},
  {name: 'frequency_penalty', min: -2, max: 2, step: 0.1},
  {name: 'repetition_penalty', min: 0.01, max: 10, step: 0.01},
];

export function loadSettings() {
  try {
    const stored = JSON.parse(localStorage.getItem('settings') ?? '{}');
    const known = Object.fromEntries(Object.entries(stored).filter(
        ([key, value]) => key in DEFAULTS && (key === 'model' || typeof value === typeof DEFAULTS[key])));
    return {...DEFAULTS, ...known};
  } catch {
    return DEFAULTS; // blocked or damaged; saving tells the user
  }
}

export function saveSettings(settings) {
  localStorage.setItem('settings', JSON.stringify(settings));
}

/** The fields of a request that settings ask for. */
export function requestFields(settings) {
  const fields = {};
  for (const {name} of SAMPLING) {
    const text = (settings.sampling[name] ?? '').trim();
    if (text !== '' && Number.isFinite(Number(text))) {
      fields[name] = Number(text);
    }
  }
  const stop = settings.stop.split('\n').filter(line => line !== '').map(line => line.replaceAll('\\n', '\n'));
  if (stop.length > 0) {
    fields.stop = stop;
  }
  const {list} = parseTools(settings.tools);
  if (list?.length) {
    fields.tools = list;
  }
  return fields;
}

/** {list} or {problem}. */
export function parseTools(text) {
  if (text.trim() === '') {
    return {list: []};
  }
  try {
    const list = JSON.parse(text);
    return Array.isArray(list) ? {list} : {problem: typeof list};
  } catch (error) {
    return {problem: error.message};
  }
}
