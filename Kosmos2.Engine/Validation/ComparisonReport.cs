namespace Kosmos2.Engine.Validation;

/// <summary>How far a model's distributions over the next token are from a reference's, over the same teacher-forced rows.</summary>
/// <param name="Rows">Rows of logits compared.</param>
/// <param name="MeanDivergence">Mean Kullback-Leibler divergence of the model from the reference, in nats.</param>
/// <param name="MedianDivergence">Its median.</param>
/// <param name="HighDivergence">Its 99.9th percentile.</param>
/// <param name="SameTop">Share of rows whose likeliest token is the same, 0 to 1.</param>
/// <param name="LargestProbabilityChange">Largest change of any token's probability, 0 to 1.</param>
/// <param name="RelativeError">L2 norm of the logits' difference over that of the reference's logits, all rows together.</param>
public sealed record LogitStatistics(
    int Rows, double MeanDivergence, double MedianDivergence, double HighDivergence, double SameTop, double LargestProbabilityChange, double RelativeError);

/// <summary>What both models answered to cases with known truth.</summary>
/// <param name="Cases">Cases answered.</param>
/// <param name="Equal">Share of cases with the reference model's very tokens.</param>
/// <param name="Accuracy">Share of right answers of the model.</param>
/// <param name="ReferenceAccuracy">Share of right answers of the reference.</param>
/// <param name="MeanIou">Mean intersection over union of the model's boxes with the true ones; 0 for a box that is missing.</param>
/// <param name="ReferenceMeanIou">The same of the reference.</param>
public sealed record AnswerStatistics(int Cases, double Equal, double Accuracy, double ReferenceAccuracy, double MeanIou, double ReferenceMeanIou);

/// <summary>Outcome of <see cref="ModelComparer"/>.</summary>
/// <param name="Logits">The logits.</param>
/// <param name="Answers">The answers, or null when none were asked for.</param>
public sealed record ComparisonReport(LogitStatistics Logits, AnswerStatistics? Answers);
