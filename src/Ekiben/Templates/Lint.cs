using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Ekiben.Broadcasts;
using Ekiben.Delivery;
using Ekiben.Liquid;
using Ekiben.Mail;
using Ekiben.Sites;
using Ekiben.Storage;

namespace Ekiben.Templates;

/// <summary>
/// What is odd about a broadcast's content. This part is pure: the texts and the names of the site's fields in, findings out.
/// What depends on people (blank fields, size, subject as somebody sees it) is added by <see cref="LintApi"/>.
/// </summary>
internal sealed class Lint
{
    /// <summary>A report beyond is of no use to anybody; the rest is said by one line.</summary>
    public const int MaxFindings = 200;

    /// <summary>Fields whose blanks are counted; each is one more look into every recipient's row.</summary>
    public const int MaxCountedFields = 20;

    /// <summary>Gmail shows this many bytes of HTML and hides the rest, the unsubscribe link first.</summary>
    public const int MaxHtmlBytes = 102_400;

    /// <summary>RFC 5322 §2.1.1 advises lines of 78 characters, and no reader shows more of a subject.</summary>
    public const int MaxSubjectLength = 78;

    /// <summary>Parsed for itself: what a single field may hold is checked where it is read.</summary>
    private static readonly TemplateOptions Parsing = new() { Limits = new TemplateLimits { SourceBytes = 4 << 20 } };

    private readonly Broadcast _broadcast;
    private readonly IReadOnlySet<string> _fields;
    private readonly List<LintFinding> _findings = [];
    private readonly List<BlankField> _unguarded = [];

    private Lint(Broadcast broadcast, IReadOnlySet<string> fields) => (_broadcast, _fields) = (broadcast, fields);

    public IReadOnlyList<LintFinding> Findings => _findings;

    /// <summary>Look-ups without a <c>default</c> or an <c>if</c>, whose blanks are to be counted; first places only.</summary>
    public IReadOnlyList<BlankField> Unguarded => _unguarded;

    /// <summary>False when it cannot be compiled, so that nobody's message can be tried.</summary>
    public bool Compiles { get; private set; } = true;

    /// <param name="broadcast">Stored or not.</param>
    /// <param name="site">Its footer is part of the mail.</param>
    /// <param name="fields">The keys of the site's custom fields.</param>
    public static Lint Of(Broadcast broadcast, Site site, IReadOnlySet<string> fields)
    {
        var lint = new Lint(broadcast, fields);
        lint.Parse("subject", broadcast.Subject);
        lint.Parse("preview_text", broadcast.PreviewText);
        var linksToUnsubscribe = lint.Parse("content", broadcast.Content) | lint.Parse("layout", broadcast.LayoutHtml);
        lint.Parse("footer", site.FooterHtml);
        lint.Compile(site);
        lint.WayOut(linksToUnsubscribe);
        lint.Links("content", broadcast.Content, broadcast.Type);
        lint.Links("layout", broadcast.LayoutHtml, "html");
        lint.Links("footer", site.FooterHtml, "html");
        return lint;
    }

    /// <summary>One field's syntax, look-ups and tags. True when it asks for the unsubscribe link.</summary>
    private bool Parse(string field, string? source)
    {
        if (string.IsNullOrEmpty(source))
        {
            return false;
        }

        if (!Template.TryParse(source, Parsing, out var template, out var error))
        {
            Compiles = false;
            _findings.Add(LintFinding.Error(error.Code, field, error.Message, error.Line, error.Column));
            return true;
        }

        foreach (var tag in template.UnsupportedTags)
        {
            _findings.Add(LintFinding.Warning("unsupported_tag", field, $"{{% {tag.Name} %}} needs flows or shops, which are not here: it renders nothing.", tag.Line, tag.Column));
        }

        var told = new HashSet<(string, bool)>();
        foreach (var variable in template.Variables.Where(variable => !variable.IsLocal && told.Add((variable.Name, variable.IsGuarded))))
        {
            LookUp(field, variable);
        }

        return template.Variables.Any(variable => variable.Name == MessageVariables.UnsubscribeUrl);
    }

    private void LookUp(string field, TemplateVariable variable)
    {
        var found = MessageVariables.Find(variable.Path);
        var isKnown = found.Kind switch
        {
            MessageVariableKind.CustomField => _fields.Contains(found.Field),
            // The place of the content in its layout.
            MessageVariableKind.Unknown => field == "layout" && variable.Name == "content",
            // The compiler knows it; no message of this server has a web version yet.
            _ => variable.Name != "browser_url",
        };
        if (!isKnown)
        {
            var message = $"There is no {variable.Name}: it renders nothing.";
            _findings.Add(variable.IsGuarded
                ? LintFinding.Warning("unknown_variable", field, message, variable.Line, variable.Column)
                : LintFinding.Error("unknown_variable", field, message, variable.Line, variable.Column));
            return;
        }

        if (variable.IsGuarded || found.Kind is not (MessageVariableKind.PersonName or MessageVariableKind.CustomField) || _unguarded.Count >= MaxCountedFields)
        {
            return;
        }

        var blank = new SubscriberField(found.Field, IsCustom: found.Kind == MessageVariableKind.CustomField);
        if (!_unguarded.Exists(known => known.Field == blank))
        {
            _unguarded.Add(new BlankField(blank, variable.Name, field, variable.Line, variable.Column));
        }
    }

    /// <summary>What only the whole can have wrong: a tag left open, a layout without its slot.</summary>
    private void Compile(Site site)
    {
        if (!Compiles)
        {
            return;
        }

        try
        {
            MessageComposer.Check(_broadcast, site);
        }
        catch (CompileException wrong)
        {
            Compiles = false;
            _findings.Add(LintFinding.Error("invalid", wrong.Field, wrong.Message, wrong.Line == 0 ? null : wrong.Line, wrong.Line == 0 ? null : wrong.Column));
        }
    }

    private void WayOut(bool linksToUnsubscribe)
    {
        if (!linksToUnsubscribe && _broadcast.Type is "fancy" or "raw" or "html" or "layout")
        {
            _findings.Add(LintFinding.Warning(
                "missing_unsubscribe_link", "content", $"Nothing links to {{{{ {MessageVariables.UnsubscribeUrl} }}}}: a footer with an unsubscribe link is added below."));
        }
    }

    private void Links(string field, string? source, string type)
    {
        if (string.IsNullOrEmpty(source))
        {
            return;
        }

        try
        {
            _findings.AddRange(LintMarkup.Read(field, source, isHtml: type is not ("plain" or "markdown")).Take(MaxFindings).ToList());
        }
        catch (RegexMatchTimeoutException)
        {
            _findings.Add(LintFinding.Warning("unreadable_markup", field, "The markup takes too long to read: its links and images were not checked."));
        }
    }

    /// <summary>The subject without its Liquid: what is left is in everybody's.</summary>
    public static LintFinding? Subject(string subject, bool isRendered)
    {
        var text = isRendered ? subject : LintMarkup.WithoutLiquid(subject);
        var length = text.EnumerateRunes().Count();
        return length <= MaxSubjectLength
            ? null
            : LintFinding.Warning("long_subject", "subject", string.Create(
                CultureInfo.InvariantCulture, $"The subject has {length} characters; readers show about {MaxSubjectLength} at most."));
    }

    public static LintFinding? Size(long htmlBytes) => htmlBytes <= MaxHtmlBytes
        ? null
        : LintFinding.Warning("too_large", "content", string.Create(
            CultureInfo.InvariantCulture, $"The HTML has {htmlBytes:#,0} bytes; Gmail clips a mail after {MaxHtmlBytes:#,0}, and its unsubscribe link with it."));

    /// <summary>Bytes that the author and the site bring along, where there is nobody to render it for.</summary>
    public static long StaticBytes(Broadcast broadcast, Site site) =>
        Encoding.UTF8.GetByteCount(broadcast.Content) + Encoding.UTF8.GetByteCount(broadcast.LayoutHtml ?? "") + Encoding.UTF8.GetByteCount(site.FooterHtml ?? "");
}

/// <summary>A look-up that some people may have nothing for.</summary>
/// <param name="Field">What is looked up.</param>
/// <param name="Name">As the template writes it.</param>
/// <param name="Place">The broadcast's field in which it stands first, there at <paramref name="Line"/> and <paramref name="Column"/>.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1.</param>
internal sealed record BlankField(SubscriberField Field, string Name, string Place, int Line, int Column);

/// <summary>One thing to look at. Errors are what no author can have meant; warnings are for the author to judge.</summary>
/// <param name="Code">Stable, for programs; an error of syntax has the engine's own code (<see cref="TemplateErrors"/>).</param>
/// <param name="Severity"><c>error</c> or <c>warning</c>.</param>
/// <param name="Field"><c>subject</c>, <c>preview_text</c>, <c>content</c>, <c>layout</c>, <c>footer</c>, <c>from</c> or <c>site</c>.</param>
/// <param name="Line">In the field, from 1; null where there is no place.</param>
/// <param name="Column">In the line, from 1, in UTF-16 units; null where there is no place.</param>
/// <param name="Message">One sentence.</param>
/// <param name="People">How many recipients it concerns; null where that is not counted.</param>
internal sealed record LintFinding(string Code, string Severity, string Field, int? Line, int? Column, string Message, long? People)
{
    public static LintFinding Error(string code, string field, string message, int? line = null, int? column = null) =>
        new(code, "error", field, line, column, message, null);

    public static LintFinding Warning(string code, string field, string message, int? line = null, int? column = null, long? people = null) =>
        new(code, "warning", field, line, column, message, people);
}
