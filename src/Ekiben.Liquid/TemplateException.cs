namespace Ekiben.Liquid;

/// <summary>A template could not be parsed or rendered: where, why, and which budget ran out if one did.</summary>
public sealed class TemplateException : Exception
{
    internal TemplateException(string code, string message, string source, int offset, string? partial = null, string? budget = null)
        : base(message)
    {
        Code = code;
        Budget = budget;
        Partial = partial;
        (Line, Column, Excerpt) = SourcePosition.Locate(source, offset);
    }

    private TemplateException(TemplateException inner, string partial)
        : base(inner.Message, inner)
    {
        (Code, Line, Column, Excerpt, Budget, Partial) = (inner.Code, inner.Line, inner.Column, inner.Excerpt, inner.Budget, partial);
    }

    /// <summary>The stable name of the error: one of <see cref="TemplateErrors"/>.</summary>
    public string Code { get; }

    /// <summary>The line of the error, from 1.</summary>
    public int Line { get; }

    /// <summary>The column of the error in UTF-16 units, from 1.</summary>
    public int Column { get; }

    /// <summary>The source line around the error, at most 80 characters.</summary>
    public string Excerpt { get; }

    /// <summary>The name of the partial the position belongs to, or null for the template itself.</summary>
    public string? Partial { get; }

    /// <summary>The property of <see cref="TemplateLimits"/> that was exceeded when <see cref="Code"/> is <c>over_budget</c>.</summary>
    public string? Budget { get; }

    /// <summary>The same error, known to be in a partial that failed to parse while it was looked for.</summary>
    internal TemplateException InPartial(string name) => Partial is null ? new TemplateException(this, name) : this;
}

/// <summary>The stable codes of <see cref="TemplateException"/>.</summary>
public static class TemplateErrors
{
    /// <summary>The source is not Liquid.</summary>
    public const string Syntax = "syntax";

    /// <summary>A tag that does not exist.</summary>
    public const string UnknownTag = "unknown_tag";

    /// <summary>A filter that does not exist.</summary>
    public const string UnknownFilter = "unknown_filter";

    /// <summary>A block that is not closed, or an end without its block.</summary>
    public const string UnclosedBlock = "unclosed_block";

    /// <summary>A filter or tag was given an argument it cannot use.</summary>
    public const string Argument = "argument";

    /// <summary>A division by zero.</summary>
    public const string DivisionByZero = "division_by_zero";

    /// <summary>A partial that the host does not have.</summary>
    public const string UnknownPartial = "unknown_partial";

    /// <summary>A limit of <see cref="TemplateLimits"/> was reached.</summary>
    public const string OverBudget = "over_budget";
}

internal static class SourcePosition
{
    private const int ExcerptLength = 80;

    public static (int Line, int Column, string Excerpt) Locate(string source, int offset)
    {
        offset = Math.Clamp(offset, 0, source.Length);
        var line = source.AsSpan(0, offset).Count('\n') + 1;
        var lineStart = source.AsSpan(0, offset).LastIndexOf('\n') + 1;
        var lineEnd = source.IndexOf('\n', offset);
        if (lineEnd < 0)
        {
            lineEnd = source.Length;
        }

        var start = Math.Max(lineStart, offset - (ExcerptLength / 2));
        var end = Math.Min(lineEnd, start + ExcerptLength);
        return (line, offset - lineStart + 1, source[start..end].Trim());
    }
}
