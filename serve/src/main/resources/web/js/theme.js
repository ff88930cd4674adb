// A classic script in the head, so that a chosen theme is there before the first paint. Modules run later.
try {
  const theme = JSON.parse(localStorage.getItem('settings') ?? '{}').theme;
  if (theme === 'light' || theme === 'dark') {
    document.documentElement.dataset.theme = theme;
  }
} catch {
  // storage is blocked or damaged: the system's theme it is, and settings.js tells the user
}
