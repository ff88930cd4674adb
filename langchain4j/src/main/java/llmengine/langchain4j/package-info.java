/** A model in this process as LangChain4j's models. */
package llmengine.langchain4j;
