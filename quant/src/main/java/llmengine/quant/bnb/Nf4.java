package llmengine.quant.bnb;

/**
 * 4-bit NormalFloat (Dettmers et al. 2023, "QLoRA", appendix E): quantiles of a normal distribution
 * scaled to [-1, 1], eight of them negative, with an exact zero. A weight whose values are normally
 * distributed uses all codes equally often.
 */
final class Nf4 {
  static final FourBitCode CODE =
      new FourBitCode(
          "nf4",
          -1,
          -0.6961928009986877f,
          -0.5250730514526367f,
          -0.39491748809814453f,
          -0.28444138169288635f,
          -0.18477343022823334f,
          -0.09105003625154495f,
          0,
          0.07958029955625534f,
          0.16093020141124725f,
          0.24611230194568634f,
          0.33791524171829224f,
          0.44070982933044434f,
          0.5626170039176941f,
          0.7229568362236023f,
          1);

  private Nf4() {}
}
