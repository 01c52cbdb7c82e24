using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Ekiben.Liquid.Nodes;
using Ekiben.Liquid.Parsing;
using Ekiben.Liquid.Rendering;

namespace Ekiben.Liquid;

/// <summary>
/// A parsed Liquid template (the language of Shopify/liquid 5.12 plus Bento's filters and tags). Immutable, so one instance
/// serves any number of threads.
/// </summary>
public sealed class Template
{
    private readonly IReadOnlyList<PathUse> _uses;
    private IReadOnlyList<TemplateVariable>? _variables;

    internal Template(string source, Body body, IReadOnlyList<PathUse> uses, IReadOnlyList<UnsupportedTag> unsupportedTags)
    {
        Source = source;
        Body = body;
        _uses = uses;
        UnsupportedTags = unsupportedTags;
    }

    /// <summary>The text the template was parsed from.</summary>
    public string Source { get; }

    /// <summary>Every look-up in source order, for lint and rehearsal.</summary>
    public IReadOnlyList<TemplateVariable> Variables => _variables ??= PathUse.Describe(Source, _uses);

    /// <summary>Bento's tags that render nothing here, in source order.</summary>
    public IReadOnlyList<UnsupportedTag> UnsupportedTags { get; }

    internal Body Body { get; }

    /// <summary>Parses a template.</summary>
    /// <exception cref="TemplateException">The source is not a template or exceeds a limit.</exception>
    public static Template Parse(string source, TemplateOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new Parser(source, options ?? DefaultOptions).Parse();
    }

    /// <summary>Parses a template, or tells why not.</summary>
    public static bool TryParse(
        string source,
        TemplateOptions? options,
        [NotNullWhen(true)] out Template? template,
        [NotNullWhen(false)] out TemplateException? error)
    {
        try
        {
            template = Parse(source, options);
            error = null;
            return true;
        }
        catch (TemplateException thrown)
        {
            template = null;
            error = thrown;
            return false;
        }
    }

    /// <summary>Writes the rendering as UTF-8: all of it, or nothing when an exception is thrown.</summary>
    /// <exception cref="TemplateException">A filter cannot use its argument, a partial is missing, or a budget is spent.</exception>
    public void Render(IReadOnlyDictionary<string, object?> data, IBufferWriter<byte> output, in RenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(data);
        RenderTo(data, output, options);
    }

    /// <inheritdoc cref="Render(IReadOnlyDictionary{string, object?}, IBufferWriter{byte}, in RenderOptions)"/>
    public void Render(ITemplateObject data, IBufferWriter<byte> output, in RenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(data);
        RenderTo(data, output, options);
    }

    /// <summary>The rendering as a string.</summary>
    /// <inheritdoc cref="Render(IReadOnlyDictionary{string, object?}, IBufferWriter{byte}, in RenderOptions)"/>
    public string Render(IReadOnlyDictionary<string, object?> data, in RenderOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return RenderToString(data, options);
    }

    /// <inheritdoc cref="Render(IReadOnlyDictionary{string, object?}, in RenderOptions)"/>
    public string Render(ITemplateObject data, in RenderOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        return RenderToString(data, options);
    }

    private static readonly TemplateOptions DefaultOptions = new();

    private void RenderTo(object data, IBufferWriter<byte> output, in RenderOptions options)
    {
        ArgumentNullException.ThrowIfNull(output);
        var renderer = Renderer.Rent();
        try
        {
            output.Write(renderer.Run(this, data, options));
        }
        finally
        {
            renderer.Return();
        }
    }

    private string RenderToString(object data, in RenderOptions options)
    {
        var renderer = Renderer.Rent();
        try
        {
            return Encoding.UTF8.GetString(renderer.Run(this, data, options));
        }
        finally
        {
            renderer.Return();
        }
    }
}
