using System.Buffers;
using System.Globalization;
using System.Text;

namespace Ekiben.Mail;

/// <summary>One bare address (RFC 5321 §4.1.2 Mailbox, RFC 6531 for non-ASCII local parts), as written and as compared.</summary>
/// <param name="Written">The address as its owner wrote it, without the surrounding blanks.</param>
/// <param name="Normalised">NFC, lower case, the domain as A-labels (RFC 5891). Dots and plus parts are never folded.</param>
public readonly record struct EmailAddress(string Written, string Normalised)
{
    /// <summary>RFC 5321 §4.5.3.1.3: a path is 256 octets with its angle brackets.</summary>
    public const int MaxOctets = 254;

    /// <summary>RFC 5321 §4.5.3.1.1.</summary>
    public const int MaxLocalOctets = 64;

    private static readonly SearchValues<char> PlainLocal = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.+-_");
    private static readonly SearchValues<char> PlainDomain = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789.-");
    private static readonly IdnMapping Idn = new() { AllowUnassigned = false, UseStd3AsciiRules = true };

    /// <summary>The part after the @, as A-labels.</summary>
    public string Domain => Normalised[(Normalised.LastIndexOf('@') + 1)..];

    /// <summary>For the wire: the local part as written (its case is the receiver's business, RFC 5321 §2.4), the domain as A-labels.</summary>
    public string Mailbox => Written == Normalised ? Written : string.Concat(Written.AsSpan(0, Written.LastIndexOf('@') + 1), Domain);

    /// <summary>True when the local part isn't ASCII: only a relay that lists SMTPUTF8 (RFC 6531) can take it.</summary>
    public bool NeedsSmtpUtf8 => !Ascii.IsValid(Normalised);

    /// <inheritdoc/>
    public override string ToString() => Normalised;

    /// <summary>
    /// Reads a bare address. "Name &lt;a@b.c&gt;", quoted local parts and address literals are refused: no list holds them on purpose.
    /// </summary>
    /// <param name="text">What was typed or imported; blanks and tabs around it are dropped.</param>
    /// <param name="address">The address, when the answer is true.</param>
    /// <param name="error">One sentence that says what is wrong, when the answer is false. It never repeats the text.</param>
    public static bool TryParse(string? text, out EmailAddress address, out string? error)
    {
        address = default;
        // Only blanks and tabs: a line break at the end is as suspicious as one in the middle (CVE-2026-30227).
        var written = text?.Trim(' ', '\t') ?? "";
        if (IsNormalised(written))
        {
            (address, error) = (new EmailAddress(written, written), null);
            return true;
        }

        error = Fault(written);
        if (error is not null) return false;

        var at = written.LastIndexOf('@');
        var local = FoldCase(written[..at]);
        // Both forms: NFC makes a semicolon of the Greek question mark.
        error = LocalFault(written.AsSpan(0, at)) ?? LocalFault(local);
        if (error is not null) return false;
        error = DomainFault(written[(at + 1)..], out var domain);
        if (error is not null) return false;

        if (Encoding.UTF8.GetByteCount(local) > MaxLocalOctets)
            error = "The part before the @ is longer than 64 octets.";
        else if (Encoding.UTF8.GetByteCount(local) + 1 + domain.Length > MaxOctets)
            error = "The address is longer than 254 octets.";
        if (error is not null) return false;

        address = new EmailAddress(written, local + "@" + domain);
        return true;
    }

    /// <summary>
    /// True for a plain address that is its own normal form: what nearly all are, and what a list holds. Says no rather than think: the long way
    /// decides then.
    /// </summary>
    private static bool IsNormalised(ReadOnlySpan<char> written)
    {
        var at = written.IndexOf('@');
        if (at is <= 0 or > MaxLocalOctets || written.Length > MaxOctets) return false;
        var local = written[..at];
        var domain = written[(at + 1)..];
        return !local.ContainsAnyExcept(PlainLocal) && HasWholeLabels(local) && !domain.ContainsAnyExcept(PlainDomain) && domain.Contains('.') && HasWholeLabels(domain)
            // The labels of a domain have more rules: two hyphens may be an A-label's (RFC 5890 §2.3.1), which must decode.
            && !domain.Contains("--", StringComparison.Ordinal) && !domain.Contains("-.", StringComparison.Ordinal) && !domain.Contains(".-", StringComparison.Ordinal)
            && domain[0] != '-' && domain[^1] != '-';
    }

    /// <summary>True when no label between dots is empty or longer than a domain's may be.</summary>
    private static bool HasWholeLabels(ReadOnlySpan<char> text)
    {
        foreach (var label in text.Split('.'))
            if (label.End.Value - label.Start.Value is 0 or > 63) return false;
        return true;
    }

    private static string? Fault(string written)
    {
        if (written.Length == 0) return "The address is empty.";
        // Checked before anything that costs more than a glance; octets are counted later.
        if (written.Length > MaxOctets) return "The address is longer than 254 octets.";
        foreach (var rune in written.EnumerateRunes())
        {
            if (rune.Value is '\r' or '\n') return "The address contains a line break.";
            if (rune.Value is 0) return "The address contains a NUL.";
            switch (Rune.GetUnicodeCategory(rune))
            {
                case UnicodeCategory.SpaceSeparator: return "The address contains a space.";
                case UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
                    or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator:
                    return "The address contains a character that can't be shown.";
            }
            // EnumerateRunes gives U+FFFD for half a surrogate pair.
            if (rune.Value is 0xFFFD) return "The address contains a character that can't be shown.";
        }
        if (written.Contains('<', StringComparison.Ordinal)) return "Give the bare address, without a name or angle brackets.";
        var at = written.IndexOf('@', StringComparison.Ordinal);
        if (at < 0) return "The address has no @.";
        if (written.LastIndexOf('@') != at) return "The address has more than one @.";
        if (at == 0) return "Nothing stands before the @.";
        return at == written.Length - 1 ? "Nothing stands after the @." : null;
    }

    private static string? LocalFault(ReadOnlySpan<char> local)
    {
        if (local[0] == '"') return "Quoted local parts are not accepted.";
        if (local[0] == '.' || local[^1] == '.') return "The part before the @ begins or ends with a dot.";
        for (var i = 0; i < local.Length; i++)
        {
            if (local[i] == '.' && local[i - 1] == '.') return "The part before the @ has two dots in a row.";
            // atext of RFC 5322 §3.2.3, and any visible non-ASCII character (RFC 6532 §3.2).
            if (local[i] < 0x80 && !char.IsAsciiLetterOrDigit(local[i]) && !".!#$%&'*+-/=?^_`{|}~".Contains(local[i], StringComparison.Ordinal))
                return $"The part before the @ contains {local[i]}, which is not allowed there.";
        }
        return null;
    }

    private static string? DomainFault(string domain, out string ascii)
    {
        ascii = "";
        if (domain[0] == '[') return "Address literals are not accepted: give a domain name.";
        try
        {
            // NFC and lower case first, so that the same name in two forms gives one A-label.
            ascii = Idn.GetAscii(FoldCase(domain)).ToLowerInvariant();
        }
        catch (ArgumentException)
        {
            return "The part after the @ is not a domain name.";
        }
        if (ascii.Length is 0 or > 253 || ascii[^1] == '.') return "The part after the @ is not a domain name.";
        if (!ascii.Contains('.', StringComparison.Ordinal)) return "The domain has no dot.";
        foreach (var label in ascii.Split('.'))
        {
            if (label.Length is 0 or > 63 || label[0] == '-' || label[^1] == '-') return "The part after the @ is not a domain name.";
            foreach (var c in label)
                if (!char.IsAsciiLetterOrDigit(c) && c != '-') return "The part after the @ is not a domain name.";
        }
        return null;
    }

    /// <summary>Lower case can leave NFC (and NFC can reveal an upper-case letter), so both are applied until nothing moves.</summary>
    private static string FoldCase(string text)
    {
        for (var round = 0; round < 4; round++)
        {
            var folded = text.Normalize(NormalizationForm.FormC).ToLowerInvariant();
            if (folded == text) break;
            text = folded;
        }
        return text;
    }
}
