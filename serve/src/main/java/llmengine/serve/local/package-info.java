/** A model in the program's own process: the Java API, without a server. */
package llmengine.serve.local;
