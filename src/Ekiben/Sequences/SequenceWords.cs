using System.Globalization;

namespace Ekiben.Sequences;

/// <summary>Steps and states of sequences, for people.</summary>
internal static class SequenceWords
{
    /// <summary><c>3 days after the step before</c>, <c>at once after the enrolment</c>.</summary>
    public static string Delay(SequenceStep step)
    {
        var after = step.Position == 0 ? "the enrolment" : "the step before";
        return step.DelayCount == 0 ? $"at once after {after}" : $"{Span(step.DelayCount, step.DelayUnit)} after {after}";
    }

    public static string State(EnrolmentState state) => state switch
    {
        EnrolmentState.Active => "On their way",
        EnrolmentState.Finished => "Finished",
        EnrolmentState.Ended => "Ended",
        _ => throw new ArgumentOutOfRangeException(nameof(state), state, "no words"),
    };

    private static string Span(int count, DelayUnit unit)
    {
        var word = Storage.Words.SnakeCase(unit.ToString());
        return string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? word[..^1] : word)}");
    }
}
