namespace Ekiben.Liquid;

/// <summary>How a template is parsed.</summary>
public sealed record TemplateOptions
{
    /// <summary>The budgets of parsing; <see cref="TemplateLimits.Default"/> unless set.</summary>
    public TemplateLimits Limits { get; init; } = TemplateLimits.Default;

    /// <summary>Follows the literal text so that each output knows its place. One tracker serves one parse.</summary>
    public PlaceTracker? Places { get; init; }
}

/// <summary>
/// The host's view of the text around outputs. The parser feeds it every literal in source order and asks for
/// <see cref="Place"/> at each output; the meaning of the number is the host's.
/// </summary>
public abstract class PlaceTracker
{
    /// <summary>The place of a value written now.</summary>
    public abstract int Place { get; }

    /// <summary>Literal text that will be written as it is, including the text of custom tags.</summary>
    public abstract void Text(ReadOnlySpan<char> literal);

    /// <summary>An output stands here: the value written for it follows the last literal.</summary>
    public virtual void Value()
    {
    }
}

/// <summary>Writes output values escaped for the place they stand in.</summary>
public interface IValueEscaper
{
    /// <summary>Writes <paramref name="value"/> as UTF-8, escaped for <paramref name="place"/>.</summary>
    void Write(int place, ReadOnlySpan<char> value, System.Buffers.IBufferWriter<byte> output);

    /// <summary>Whether text that is already escaped for HTML may be written as it is at <paramref name="place"/>.</summary>
    bool IsHtml(int place);
}

/// <summary>
/// A host object that templates read by name. Values are plain: null, string, bool, numbers, <see cref="DateTimeOffset"/>,
/// <see cref="DateTime"/>, <see cref="DateOnly"/>, lists, dictionaries with string keys,
/// <see cref="System.Text.Json.JsonElement"/>, and further objects of this kind.
/// </summary>
public interface ITemplateObject
{
    /// <summary>The value called <paramref name="name"/>; false when there is none.</summary>
    bool TryGet(string name, out object? value);
}

/// <summary>The templates that <c>render</c> and <c>include</c> name.</summary>
public interface ITemplatePartials
{
    /// <summary>The parsed partial, or null. Called during rendering, so it must not read files or sockets.</summary>
    Template? Find(string name);
}

/// <summary>One look-up in a template.</summary>
/// <param name="Path">The names from the root; an index computed at render time is <c>[]</c>.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Column">The column, from 1.</param>
/// <param name="IsGuarded">A <c>default</c> filter follows, or the look-up is in, or under, a condition that tests it.</param>
/// <param name="IsLocal">The root was assigned, captured, counted or looped over in the template, so the host is not asked.</param>
public sealed record TemplateVariable(IReadOnlyList<string> Path, int Line, int Column, bool IsGuarded, bool IsLocal)
{
    /// <summary>The path as it is written with dots.</summary>
    public string Name => string.Join('.', Path);
}

/// <summary>A tag of Bento's that needs its flows or shops: it renders nothing here.</summary>
public sealed record UnsupportedTag(string Name, int Line, int Column);
