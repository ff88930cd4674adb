/** The command line: one small class per command, exit codes and error messages. */
package llmengine.cli;
