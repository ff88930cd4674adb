/** The web chat: files on the class path, served at the root of the address. */
package llmengine.serve.web;
