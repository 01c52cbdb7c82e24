using System.Globalization;

namespace Ekiben.Sink;

/// <summary>Reads the fault rule language of docs/sink.md. The first problem found is kept as a sentence for whoever typed the rule.</summary>
internal sealed class FaultRuleParser(string text)
{
    private const int LongestRule = 500;
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    /// <summary>What is wrong, or null.</summary>
    public string? Error { get; private set; }

    public FaultRule Read()
    {
        var rule = new FaultRule { Phase = FaultPhase.Dot, Action = FaultAction.Close };
        if (text.Length > LongestRule || text.AsSpan().ContainsAnyInRange('\0', '\x1f'))
        {
            return Fail(rule, $"it must be one line of at most {LongestRule} characters.");
        }

        // close-after stands alone too: it belongs to the connection, and "dot:" before it says nothing more.
        var parts = (text.StartsWith("close-after=", StringComparison.Ordinal) ? "dot:" + text : text).Split(':', 3);
        if (parts.Length < 2)
        {
            return Fail(rule, "write it as PHASE:ACTION[:KEY=VALUE,...], such as rcpt:450 4.2.1:rate=0.3.");
        }

        // Not Enum.TryParse, which takes numbers and lists too.
        var phase = Array.FindIndex(Enum.GetNames<FaultPhase>(), name => name.Equals(parts[0], StringComparison.OrdinalIgnoreCase));
        if (phase < 0)
        {
            return Fail(rule, $"'{parts[0]}' is no phase; the phases are connect, greeting, ehlo, auth, mail, rcpt, data, body and dot.");
        }

        rule = ReadAction(rule with { Phase = (FaultPhase)phase }, parts[1].Trim());
        foreach (var pair in parts.Length == 3 ? parts[2].Split(',') : [])
        {
            rule = Error is null ? ReadKey(rule, pair.Trim()) : rule;
        }

        return rule;
    }

    private FaultRule ReadAction(FaultRule rule, string action)
    {
        var equals = action.IndexOf('=', StringComparison.Ordinal);
        var value = equals < 0 ? "" : action[(equals + 1)..];
        switch (equals < 0 ? action : action[..equals])
        {
            case "close" when equals < 0: return rule with { Action = FaultAction.Close };
            case "rst" when equals < 0: return rule with { Action = FaultAction.Rst };
            case "stall" when equals < 0: return rule with { Action = FaultAction.Stall };
            case "accept-then-close" when equals < 0: return AtDot(rule with { Action = FaultAction.Close, AcceptFirst = true }, action);
            case "accept-then-rst" when equals < 0: return AtDot(rule with { Action = FaultAction.Rst, AcceptFirst = true }, action);
            case "accept-then-stall" when equals < 0: return AtDot(rule with { Action = FaultAction.Stall, AcceptFirst = true }, action);
            case "close-after": return AtDot(rule with { Action = FaultAction.CloseAfter, Messages = Count("close-after", value, least: 1) }, "close-after");
            case "delay": return rule with { Action = FaultAction.Delay, Delay = Span("delay", value, TimeSpan.FromMilliseconds(1), "milliseconds") };
            default: return IsReply(action)
                ? rule with { Action = FaultAction.Reply, Reply = HasText(action) ? action : action + " Fault" }
                : Fail(rule, $"'{action}' is no action; give a reply code from 400 to 599 with an optional enhanced code of the same class "
                    + "(450 4.2.1), close, rst, stall, delay=MILLISECONDS, close-after=N, or at the dot accept-then-close, accept-then-rst or accept-then-stall.");
        }
    }

    private FaultRule ReadKey(FaultRule rule, string pair)
    {
        var equals = pair.IndexOf('=', StringComparison.Ordinal);
        var (key, value) = equals < 0 ? (pair, "") : (pair[..equals], pair[(equals + 1)..]);
        if (rule.Action == FaultAction.CloseAfter)
        {
            return Fail(rule, "close-after takes no keys: it holds for every connection.");
        }

        switch (key)
        {
            case "rate":
                return double.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var rate) && rate is > 0 and <= 1
                    ? rule with { Rate = rate }
                    : Fail(rule, $"rate must be above 0 and at most 1, not '{value}'.");
            case "every": return rule with { Every = Count(key, value, least: 1) };
            case "first": return rule with { First = Count(key, value, least: 1) };
            case "after": return rule with { After = Count(key, value, least: 0) };
            case "messages": return rule with { Messages = Count(key, value, least: 1) };
            case "to" when rule.Phase < FaultPhase.Rcpt:
                return Fail(rule, $"to needs a recipient, and there is none yet at {rule.Phase.ToString().ToLowerInvariant()}; use it with rcpt, data, body or dot.");
            case "to": return value.Length > 0 ? rule with { To = value } : Fail(rule, "to needs a pattern, such as to=*@bad.example.");
            case "above" when rule.Phase != FaultPhase.Rcpt:
                return Fail(rule, "above counts connections with a recipient; use it with rcpt.");
            case "above": return rule with { Above = Count(key, value, least: 0) };
            case "greylist" when rule.Phase != FaultPhase.Rcpt:
                return Fail(rule, "greylist needs a sender and a recipient; use it with rcpt.");
            case "greylist": return rule with { Greylist = Span(key, value, TimeSpan.FromSeconds(1), "seconds") };
            default: return Fail(rule, $"'{key}' is no key; the keys are rate, every, first, after, messages, to, above and greylist.");
        }
    }

    private static bool IsReply(string action) =>
        action.Length >= 3 && action[0] is '4' or '5' && action[1] is >= '0' and <= '5' && char.IsAsciiDigit(action[2])
        && (action.Length == 3 || action[3] == ' ') && EnhancedCodeAgrees(action) && Ascii(action);

    /// <summary>A second word that looks like an enhanced code must be of the reply's class (RFC 2034 §4).</summary>
    private static bool EnhancedCodeAgrees(string action) =>
        !(action.Split(' ') is [_, var second, ..] && char.IsAsciiDigit(second.Length > 0 ? second[0] : ' ') && second.Contains('.', StringComparison.Ordinal))
        || IsEnhanced(second) && second[0] == action[0];

    private static bool IsEnhanced(string word) =>
        word.Split('.') is [{ Length: 1 }, { Length: >= 1 and <= 3 } subject, { Length: >= 1 and <= 3 } detail]
        && subject.All(char.IsAsciiDigit) && detail.All(char.IsAsciiDigit);

    private static bool HasText(string action) => action.Split(' ', StringSplitOptions.RemoveEmptyEntries) is { } words
        && words.Length > (words.Length > 1 && IsEnhanced(words[1]) ? 2 : 1);

    private static bool Ascii(string action) => System.Text.Ascii.IsValid(action);

    private FaultRule AtDot(FaultRule rule, string action) =>
        rule.Phase == FaultPhase.Dot ? rule : Fail(rule, $"{action} belongs to the dot; write dot:{action}.");

    private int Count(string key, string value, int least)
    {
        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count >= least)
        {
            return count;
        }

        Error ??= $"{key} must be a whole number from {least}, not '{value}'.";
        return least;
    }

    private TimeSpan Span(string key, string value, TimeSpan unit, string unitName)
    {
        var most = (long)(LongestWait / unit);
        if (long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count >= 1 && count <= most)
        {
            return unit * count;
        }

        Error ??= $"{key} must be a whole number of {unitName} from 1 to {most}, not '{value}'.";
        return unit;
    }

    private FaultRule Fail(FaultRule rule, string error)
    {
        Error ??= error;
        return rule;
    }
}
