using System.Text.RegularExpressions;

namespace Ekiben.Experimental;

/// <summary>What is wrong with a text that somebody unknown wrote, and the text without it. It judges markup, not meaning.</summary>
internal sealed partial record ContentJudgement(IReadOnlyList<string> Reasons, string SafeContent)
{
    public const int MaxLinks = 10;

    /// <summary>Whoever nests deeper than this wrote nothing worth keeping.</summary>
    private const int MaxRounds = 10;

    public static ContentJudgement Of(string? content)
    {
        if (string.IsNullOrWhiteSpace(content))
        {
            return new ContentJudgement(["Content is required"], "");
        }

        var reasons = new List<string>();
        var safe = content;
        Take(Active(), "Content has active elements such as scripts or forms");
        Take(Handler(), "Content has event handlers");
        Take(ScriptLink(), "Content has links that run scripts");
        if (Link().Count(content) > MaxLinks)
        {
            reasons.Add($"Content has more than {MaxLinks} links");
        }

        return new ContentJudgement(reasons, safe);

        void Take(Regex pattern, string reason)
        {
            // What is left may form a new one.
            for (var rounds = 0; pattern.IsMatch(safe); rounds++)
            {
                safe = rounds < MaxRounds ? pattern.Replace(safe, "$1") : "";
                if (rounds == 0)
                {
                    reasons.Add(reason);
                }
            }
        }
    }

    [GeneratedRegex(@"</?(?:script|style|iframe|object|embed|form|meta|link|base)\b[^>]*>?()", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Active();

    [GeneratedRegex(@"(<[^<>]*?)[\s/]on[a-z]+\s*=\s*(?:""[^""]*""|'[^']*'|[^\s>]+)", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Handler();

    [GeneratedRegex(@"(?:javascript|vbscript)\s*:()", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant, 1000)]
    private static partial Regex ScriptLink();

    [GeneratedRegex(@"https?://", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Link();
}
