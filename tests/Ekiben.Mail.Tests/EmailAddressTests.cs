using System.Text;
using CsCheck;

namespace Ekiben.Mail.Tests;

public class EmailAddressTests
{
    [Theory]
    [InlineData("Ann@Example.ORG", "ann@example.org")]
    [InlineData("  ann@example.org\t", "ann@example.org")]
    [InlineData("a.n.n+news@example.org", "a.n.n+news@example.org")]
    [InlineData("o'neil_99@sub.example.co.uk", "o'neil_99@sub.example.co.uk")]
    [InlineData("ann@bücher.example", "ann@xn--bcher-kva.example")]
    [InlineData("ann@BÜCHER.example", "ann@xn--bcher-kva.example")]
    [InlineData("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example")]
    [InlineData("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example")]
    [InlineData("E\u0301va@example.org", "éva@example.org")]
    [InlineData("ユーザー@例え.jp", "ユーザー@xn--r8jz45g.jp")]
    public void Address_is_normalised(string text, string normalised)
    {
        Assert.True(EmailAddress.TryParse(text, out var address, out var error), error);
        Assert.Equal(normalised, address.Normalised);
        Assert.Equal(text.Trim(), address.Written);
    }

    [Theory]
    [InlineData(null, "The address is empty.")]
    [InlineData("", "The address is empty.")]
    [InlineData(" \t ", "The address is empty.")]
    [InlineData("ann", "The address has no @.")]
    [InlineData("@example.org", "Nothing stands before the @.")]
    [InlineData("ann@", "Nothing stands after the @.")]
    [InlineData("a@b@example.org", "The address has more than one @.")]
    [InlineData("ann@example.org\r\nBcc: x@y.z", "The address contains a line break.")]
    [InlineData("ann@example.org\n", "The address contains a line break.")]
    [InlineData("an\0n@example.org", "The address contains a NUL.")]
    [InlineData("ann bee@example.org", "The address contains a space.")]
    [InlineData("ann\u00A0b@example.org", "The address contains a space.")]
    [InlineData("ann\u200B@example.org", "The address contains a character that can't be shown.")]
    [InlineData("ann\uD800@example.org", "The address contains a character that can't be shown.")]
    [InlineData("Ann<ann@example.org>", "Give the bare address, without a name or angle brackets.")]
    [InlineData("\"ann\"@example.org", "Quoted local parts are not accepted.")]
    [InlineData(".ann@example.org", "The part before the @ begins or ends with a dot.")]
    [InlineData("ann.@example.org", "The part before the @ begins or ends with a dot.")]
    [InlineData("a..b@example.org", "The part before the @ has two dots in a row.")]
    [InlineData("a,b@example.org", "The part before the @ contains ,, which is not allowed there.")]
    [InlineData("ann@[192.0.2.1]", "Address literals are not accepted: give a domain name.")]
    [InlineData("ann@localhost", "The domain has no dot.")]
    [InlineData("ann@-example.org", "The part after the @ is not a domain name.")]
    [InlineData("ann@exa_mple.org", "The part after the @ is not a domain name.")]
    [InlineData("ann@example..org", "The part after the @ is not a domain name.")]
    [InlineData("ann@example.org.", "The part after the @ is not a domain name.")]
    [InlineData("ann@example.org>", "The part after the @ is not a domain name.")]
    public void Refusal_says_what_is_wrong_in_one_sentence(string? text, string sentence)
    {
        Assert.False(EmailAddress.TryParse(text, out _, out var error));
        Assert.Equal(sentence, error);
    }

    [Fact]
    public void Lengths_are_counted_in_octets()
    {
        Assert.True(EmailAddress.TryParse(new string('a', 64) + "@example.org", out _, out _));
        Assert.False(EmailAddress.TryParse(new string('a', 65) + "@example.org", out _, out _));
        Assert.False(EmailAddress.TryParse(new string('é', 33) + "@example.org", out _, out var error));
        Assert.Equal("The part before the @ is longer than 64 octets.", error);
        var domain = string.Join('.', Enumerable.Repeat(new string('d', 61), 3)) + ".org";
        Assert.True(EmailAddress.TryParse(new string('a', 64) + "@" + domain, out _, out error), error);
        Assert.False(EmailAddress.TryParse(new string('a', 64) + "@x." + domain, out _, out error));
        Assert.Equal("The address is longer than 254 octets.", error);
    }

    [Fact]
    public void Written_local_part_reaches_the_wire_with_the_domain_in_ascii()
    {
        Assert.Equal("Ann@xn--bcher-kva.example", Sample.Address("Ann@Bücher.example").Mailbox);
        Assert.True(Sample.Address("éva@example.org").NeedsSmtpUtf8);
        Assert.False(Sample.Address("ann@bücher.example").NeedsSmtpUtf8);
    }

    [Fact]
    public void Plain_address_is_judged_as_its_other_spellings_are()
    {
        // A capital in the domain takes the long way, which knows every rule; the short one for what is plain must say the same.
        var local = Gen.String[Gen.Char["abz019.+-_"], 1, 66];
        var domain = Gen.String[Gen.Char["abnx0.-"], 1, 70];
        Gen.Select(local, domain).Sample((name, host) =>
            EmailAddress.TryParse($"{name}@{host}", out var plain, out var error) == EmailAddress.TryParse($"{name}@{host}".ToUpperInvariant(), out var other, out var same)
                && plain.Normalised == other.Normalised && error == same, iter: 20_000);
    }

    [Theory]
    [InlineData("a@xn--bcher-kva.example", true)]
    [InlineData("a@xn--99999999.example", false)]
    [InlineData("a@a-.example", false)]
    [InlineData("a@-a.example", false)]
    [InlineData("a@example.org-", false)]
    [InlineData("a..b@example.org", false)]
    [InlineData("a@example", false)]
    [InlineData("a@b@example.org", false)]
    public void Plain_letters_alone_make_no_address(string text, bool isOne) => Assert.Equal(isOne, EmailAddress.TryParse(text, out _, out _));

    [Fact]
    public void Normalising_twice_changes_nothing_and_no_control_survives()
    {
        var local = Gen.String[Gen.OneOf(Gen.Char['a', 'z'], Gen.Char['A', 'Z'], Gen.Char['\u00C0', '\u024F'], Gen.Char['\u0300', '\u0345'], Gen.Char['\u0370', '\u03FF'], Gen.Char[" .+'\r\n\0<>@,\""]), 1, 12];
        var label = Gen.String[Gen.OneOf(Gen.Char['a', 'z'], Gen.Char['A', 'Z'], Gen.Char['\u00C0', '\u024F'], Gen.Char['\u3040', '\u30FF'], Gen.Char["-_ \r."]), 1, 10];
        Gen.Select(local, label).Sample((name, domain) =>
        {
            if (!EmailAddress.TryParse($"{name}@{domain}.example", out var address, out var error)) return error!.EndsWith('.');
            return EmailAddress.TryParse(address.Normalised, out var again, out _) && again.Normalised == address.Normalised
                && address.Normalised.IsNormalized(NormalizationForm.FormC) && !address.Normalised.Any(char.IsControl) && !address.Mailbox.Any(char.IsWhiteSpace);
        }, iter: 20_000);
    }
}
