SwaggerUIBundle({
  url: 'openapi.yaml',
  dom_id: '#page',
  deepLinking: true,
  persistAuthorization: true,
  validatorUrl: null, // nothing is sent elsewhere
});
