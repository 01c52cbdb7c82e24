using System.Text.RegularExpressions;

namespace Ekiben.Templates;

/// <summary>The place in a layout where a broadcast's content goes.</summary>
internal static partial class LayoutSlot
{
    public static bool IsIn(string html) => Slot().IsMatch(html);

    /// <summary>The layout with a sample in its slot, for looking at; Liquid elsewhere stands as it is written.</summary>
    public static string Filled(string html, string sample) => Slot().Replace(html, _ => sample);

    [GeneratedRegex(@"\{\{-?\s*content\s*(\|[^}]*)?-?\}\}")]
    private static partial Regex Slot();
}
