package llmengine.train.config;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Declares one configuration key on the record component that holds it: the whole truth about the
 * key. Its name is the component's in snake case ({@code loraRank} is {@code lora_rank}), its type
 * and whether null is allowed follow from the component's type. Parsing, checking, the list of
 * nearest keys and {@code docs/config.md} all read it from here.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Key {

  /** What the key does, one sentence. */
  String doc();

  /** The default, written as in YAML. */
  String preset() default "null";

  /** Smallest allowed number, itself included. */
  double min() default Double.NEGATIVE_INFINITY;

  /** Largest allowed number, itself included. */
  double max() default Double.POSITIVE_INFINITY;

  /** Numbers must be greater than this. */
  double above() default Double.NEGATIVE_INFINITY;

  /** Numbers must be less than this. */
  double below() default Double.POSITIVE_INFINITY;

  /** Allowed words of a list whose elements are strings; empty allows all. */
  String[] choices() default {};

  /** Choices that LLaMA-Factory has and this version refuses. */
  String[] later() default {};

  /** What to do instead of such a choice. */
  String instead() default "";

  /** Other spellings of a choice, {@code "spelling=choice"}. */
  String[] alias() default {};

  /** True if every command needs the key. */
  boolean required() default false;

  /** True for a key of this engine that LLaMA-Factory does not have. */
  boolean own() default false;
}
