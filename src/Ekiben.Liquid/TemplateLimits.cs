namespace Ekiben.Liquid;

/// <summary>
/// What a template may use. Every limit is checked where the cost arises; reaching one is a <see cref="TemplateException"/>
/// with the code <c>over_budget</c>, never cut output.
/// </summary>
public sealed record TemplateLimits
{
    /// <summary>The limits of a template that states none.</summary>
    public static TemplateLimits Default { get; } = new();

    /// <summary>Bytes of source as UTF-8. A mail of 256 KiB is already cut by most readers (Gmail cuts at 102 KB).</summary>
    public int SourceBytes { get; init; } = 256 * 1024;

    /// <summary>Open blocks, or brackets in one expression. Bounds the stack of parser and renderer.</summary>
    public int Nesting { get; init; } = 64;

    /// <summary>Characters between the delimiters of one output or tag.</summary>
    public int ExpressionLength { get; init; } = 1_000;

    /// <summary>Nodes, loop passes and filter calls of one render; long strings count once more for each 256 characters touched.</summary>
    public int Steps { get; init; } = 100_000;

    /// <summary>Bytes of output as UTF-8.</summary>
    public int OutputBytes { get; init; } = 1024 * 1024;

    /// <summary>
    /// Characters of one string that a filter or capture creates: a text as long as Gmail shows one (102 KB), escaped or encoded.
    /// Text that is only written out is not one.
    /// </summary>
    public int StringLength { get; init; } = 160 * 1024;

    /// <summary>
    /// Bytes of strings and lists that filters and captures create, and that reading JSON does, during one render, all together: a text of
    /// 100 KB through eight filters.
    /// </summary>
    public int StringBytes { get; init; } = 2 * 1024 * 1024;

    /// <summary>Items of a range or list that is walked or created.</summary>
    public int Items { get; init; } = 10_000;

    /// <summary>Partials inside partials.</summary>
    public int PartialDepth { get; init; } = 16;

    /// <summary>Wall time of one render, observed when <see cref="RenderOptions.Clock"/> is given.</summary>
    public TimeSpan Time { get; init; } = TimeSpan.FromSeconds(2);
}
