using System.Buffers;
using System.Buffers.Text;
using System.Net;
using System.Text;
using Ekiben.Liquid;
using Ekiben.Mail.Markup;

namespace Ekiben.Mail;

/// <summary>One part of the message as a template whose static text is already encoded.</summary>
internal sealed class PartTemplate
{
    /// <summary>Octets of a part before it is encoded (docs/templates.md: 1 MiB of output).</summary>
    public const int MaxOctets = 1024 * 1024;
    public const string TooLong = "A part of the message is longer than 1 MiB.";

    /// <summary>The source is ours here, so its size is the sum of what was accepted before.</summary>
    public static readonly TemplateLimits Limits = new() { SourceBytes = 4 * 1024 * 1024 };

    private readonly Template _template;
    private readonly LiteralPool _literals;

    private PartTemplate(Template template, LiteralPool literals) => (_template, _literals) = (template, literals);

    /// <summary>HTML: values are escaped for the place in which they stand.</summary>
    public static PartTemplate Html(IEnumerable<Piece> pieces)
    {
        var literals = new LiteralPool();
        var places = new Tracker(literals);
        return new PartTemplate(Template.Parse(literals.Intern(pieces), new TemplateOptions { Limits = Limits, Places = places }), literals);
    }

    /// <summary>Text, or a header with <paramref name="place"/> = <see cref="Place.Header"/>.</summary>
    public static PartTemplate Text(IEnumerable<Piece> pieces, int place = Place.PlainText)
    {
        var literals = new LiteralPool();
        return new PartTemplate(Template.Parse(literals.Intern(pieces), new TemplateOptions { Limits = Limits, Places = new Constant(place) }), literals);
    }

    /// <summary>Renders the variable parts; static text is still markers.</summary>
    public ReadOnlySpan<byte> Render(MessageData data, in RenderOptions options, ByteWriter into)
    {
        into.Clear();
        _template.Render(data, into, options);
        return into.Written;
    }

    public void Encode(ReadOnlySpan<byte> rendering, ReadOnlySpan<byte> slot, ByteWriter output)
    {
        var encoder = new QuotedPrintable(output);
        _literals.Encode(rendering, slot, ref encoder);
    }

    public string Expand(ReadOnlySpan<byte> rendering, ReadOnlySpan<byte> slot = default) => _literals.Expand(rendering, slot);

    private sealed class Tracker(LiteralPool literals) : PlaceTracker
    {
        private readonly HtmlPlaces _places = new();
        private bool _signed;

        public override int Place => _signed ? Markup.Place.SignedTarget : _places.Place;
        public override void Value() => _places.Hole();

        public override void Text(ReadOnlySpan<char> literal)
        {
            _signed = literal.EndsWith([TrackedLinks.SignedTarget]);
            literals.Feed(_places, literal);
        }
    }

    private sealed class Constant(int place) : PlaceTracker
    {
        public override int Place => place;
        public override void Text(ReadOnlySpan<char> literal) { }
    }
}

/// <summary>The engine's view of <see cref="PlaceEscaper"/>, with the one place that needs the message: a link to be signed.</summary>
internal sealed class ValueEscaper(MessageData data) : IValueEscaper
{
    public bool IsHtml(int place) => place is Place.Html or Place.Attribute;

    public void Write(int place, ReadOnlySpan<char> value, IBufferWriter<byte> output)
    {
        if (place != Place.SignedTarget)
        {
            PlaceEscaper.Write(place, value, output);
            return;
        }
        // The value is the attribute as it would have been written, so it is HTML already.
        var target = WebUtility.HtmlDecode(value.ToString()).Trim();
        if (data.SignTarget is { } sign && data.TrackingToken is { } token && TrackedLinks.IsWeb(target))
            PlaceEscaper.Write(Place.UrlStart, $"{data.Click}u/{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(target))}/{sign(token, target)}", output);
        else
            PlaceEscaper.Write(Place.UrlStart, target, output);
    }
}
