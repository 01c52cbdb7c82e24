using Ekiben.Web;

namespace Ekiben.Domains;

/// <summary>What was found in DNS, for people.</summary>
internal static class DomainWords
{
    public static string State(RecordState state) => state switch
    {
        RecordState.Ok => "as it should be",
        RecordState.Missing => "missing",
        RecordState.Wrong => "wrong",
        _ => "nobody answered",
    };

    /// <summary>The last check of a key as a sentence.</summary>
    public static string Check(DomainKey key, Viewer viewer) => key switch
    {
        { CheckedAt: null } => "Not checked yet.",
        { CheckResult: "ok" } => $"Found as it should be, {viewer.Ago(key.CheckedAt.Value)}.",
        _ => $"{viewer.Ago(key.CheckedAt.Value)}: {key.CheckResult}",
    };
}
