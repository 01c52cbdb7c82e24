using System.Collections.Frozen;
using Ekiben.Liquid.Rendering;
using Ekiben.Liquid.Values;

namespace Ekiben.Liquid.Filters;

/// <summary>The evaluated arguments of one filter call. No filter takes more than two, and only <c>default</c> has a keyword.</summary>
internal readonly record struct FilterArguments(Value First, Value Second, bool AllowFalse, int Count);

internal delegate Value Filter(Renderer renderer, in Value input, in FilterArguments arguments);

internal sealed record FilterDefinition(string Name, int MinArguments, int MaxArguments, Filter Apply, bool GuardsInput = false);

/// <summary>Every filter by name: Shopify's standard filters, then Bento's.</summary>
internal static class FilterTable
{
    private static readonly FrozenDictionary<string, FilterDefinition> Filters = new FilterDefinition[]
    {
        // Strings
        new("append", 1, 1, StringFilters.Append),
        new("prepend", 1, 1, StringFilters.Prepend),
        new("capitalize", 0, 0, StringFilters.Capitalize),
        new("downcase", 0, 0, StringFilters.Downcase),
        new("upcase", 0, 0, StringFilters.Upcase),
        new("strip", 0, 0, StringFilters.Strip),
        new("lstrip", 0, 0, StringFilters.StripLeft),
        new("rstrip", 0, 0, StringFilters.StripRight),
        new("strip_newlines", 0, 0, StringFilters.StripNewlines),
        new("squish", 0, 0, StringFilters.Squish),
        new("split", 1, 1, StringFilters.Split),
        new("replace", 1, 2, StringFilters.Replace),
        new("replace_first", 1, 2, StringFilters.ReplaceFirst),
        new("replace_last", 2, 2, StringFilters.ReplaceLast),
        new("remove", 1, 1, StringFilters.Replace),
        new("remove_first", 1, 1, StringFilters.ReplaceFirst),
        new("remove_last", 1, 1, StringFilters.ReplaceLast),
        new("truncate", 0, 2, StringFilters.Truncate),
        new("truncatewords", 0, 2, StringFilters.TruncateWords),
        new("slice", 1, 2, StringFilters.Slice),

        // HTML, URLs and encodings
        new("escape", 0, 0, MarkupFilters.Escape),
        new("h", 0, 0, MarkupFilters.Escape),
        new("escape_once", 0, 0, MarkupFilters.EscapeOnce),
        new("newline_to_br", 0, 0, MarkupFilters.NewlineToBr),
        new("strip_html", 0, 0, MarkupFilters.StripHtml),
        new("url_encode", 0, 0, EncodingFilters.UrlEncode),
        new("url_decode", 0, 0, EncodingFilters.UrlDecode),
        new("base64_encode", 0, 0, EncodingFilters.Base64Encode),
        new("base64_decode", 0, 0, EncodingFilters.Base64Decode),
        new("base64_url_safe_encode", 0, 0, EncodingFilters.Base64UrlSafeEncode),
        new("base64_url_safe_decode", 0, 0, EncodingFilters.Base64UrlSafeDecode),

        // Numbers
        new("abs", 0, 0, NumberFilters.Abs),
        new("ceil", 0, 0, NumberFilters.Ceil),
        new("floor", 0, 0, NumberFilters.Floor),
        new("round", 0, 1, NumberFilters.Round),
        new("plus", 1, 1, NumberFilters.Plus),
        new("minus", 1, 1, NumberFilters.Minus),
        new("times", 1, 1, NumberFilters.Times),
        new("divided_by", 1, 1, NumberFilters.DividedBy),
        new("modulo", 1, 1, NumberFilters.Modulo),
        new("at_least", 1, 1, NumberFilters.AtLeast),
        new("at_most", 1, 1, NumberFilters.AtMost),

        // Lists
        new("size", 0, 0, ListFilters.Size),
        new("first", 0, 0, ListFilters.First),
        new("last", 0, 0, ListFilters.Last),
        new("join", 0, 1, ListFilters.Join),
        new("reverse", 0, 0, ListFilters.Reverse),
        new("concat", 1, 1, ListFilters.Concat),
        new("map", 1, 1, ListFilters.Map),
        new("compact", 0, 1, ListFilters.Compact),
        new("uniq", 0, 1, ListFilters.Uniq),
        new("sort", 0, 1, SortFilters.Sort),
        new("sort_natural", 0, 1, SortFilters.SortNatural),
        new("where", 1, 2, SelectFilters.Where),
        new("reject", 1, 2, SelectFilters.Reject),
        new("find", 1, 2, SelectFilters.Find),
        new("find_index", 1, 2, SelectFilters.FindIndex),
        new("has", 1, 2, SelectFilters.Has),
        new("sum", 0, 1, ListFilters.Sum),

        // Any value
        new("default", 0, 1, Default, GuardsInput: true),
        new("date", 1, 1, DateFilters.Date),

        // Ours: a value its author declares to be markup already
        new("raw", 0, 0, MarkupFilters.Raw),

        // Bento
        new("pluralize", 0, 2, BentoFilters.Pluralize),
        new("money", 0, 2, BentoFilters.Money),
        new("md5", 0, 0, BentoFilters.Md5),
        new("sha1", 0, 0, BentoFilters.Sha1),
        new("lottery", 0, 0, BentoFilters.Lottery),
        new("to_i", 0, 0, BentoFilters.ToInteger),
        new("in_time_zone", 1, 1, DateFilters.InTimeZone),
        new("end_of_year", 0, 0, DateFilters.EndOfYear),
        new("days_until", 0, 0, DateFilters.DaysUntil),
        new("days_since", 0, 0, DateFilters.DaysSince),
        new("weeks_until", 0, 0, DateFilters.WeeksUntil),
        new("weeks_since", 0, 0, DateFilters.WeeksSince),
        new("months_until", 0, 0, DateFilters.MonthsUntil),
        new("months_since", 0, 0, DateFilters.MonthsSince),
        new("years_until", 0, 0, DateFilters.YearsUntil),
        new("years_since", 0, 0, DateFilters.YearsSince),
        new("time_ago_in_words", 0, 0, DateFilters.TimeAgoInWords),
    }.ToFrozenDictionary(filter => filter.Name, StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, FilterDefinition>.AlternateLookup<ReadOnlySpan<char>> ByName =
        Filters.GetAlternateLookup<ReadOnlySpan<char>>();

    public static FilterDefinition? Find(ReadOnlySpan<char> name) => ByName.TryGetValue(name, out var filter) ? filter : null;

    private static Value Default(Renderer renderer, in Value input, in FilterArguments arguments)
    {
        var isMissing = arguments.AllowFalse ? input.IsNil : !input.IsTruthy;
        var isEmpty = input.Kind switch
        {
            ValueKind.String => input.Text.Length == 0,
            ValueKind.List => Collections.Count(input) == 0,
            ValueKind.Map => Collections.MapCount(input) == 0,
            ValueKind.Empty => true,
            _ => false,
        };
        return !isMissing && !isEmpty ? input : arguments.Count == 0 ? Value.EmptyString : arguments.First;
    }
}
