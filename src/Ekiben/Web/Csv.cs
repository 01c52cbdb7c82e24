namespace Ekiben.Web;

/// <summary>
/// CSV for people (RFC 4180), safe in a spreadsheet: a cell that a program would take for a formula gets an apostrophe before it,
/// which spreadsheets show as text (OWASP, CSV injection).
/// </summary>
internal static class Csv
{
    private const string FormulaStarts = "=+-@\t\r";

    /// <summary>One cell, quoted where it must be.</summary>
    public static string Cell(string? text)
    {
        if (string.IsNullOrEmpty(text))
        {
            return "";
        }

        var safe = FormulaStarts.Contains(text[0], StringComparison.Ordinal) ? "'" + text : text;
        return safe.AsSpan().IndexOfAny("\",\r\n") < 0 ? safe : $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    /// <summary>One line with its end.</summary>
    public static string Line(params ReadOnlySpan<string?> cells)
    {
        var line = new System.Text.StringBuilder();
        for (var i = 0; i < cells.Length; i++)
        {
            line.Append(i == 0 ? "" : ",").Append(Cell(cells[i]));
        }

        return line.Append("\r\n").ToString();
    }
}
