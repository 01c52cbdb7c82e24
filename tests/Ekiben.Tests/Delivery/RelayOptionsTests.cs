using Ekiben.Delivery;

namespace Ekiben.Tests.Delivery;

public class RelayOptionsTests
{
    [Theory]
    [InlineData("smtp://mail.example.com", 587, "StartTls")]
    [InlineData("smtp://mail.example.com:465", 465, "Implicit")]
    [InlineData("smtp://mail.example.com:2525", 2525, "StartTls")]
    [InlineData("smtp://127.0.0.1:2525", 2525, "None")]
    [InlineData("smtp://localhost", 587, "None")]
    public void Encryption_is_the_default_but_on_loopback(string url, int port, string tls)
    {
        Assert.True(RelayOptions.TryParse(url, out var options, out _));
        Assert.Equal((port, tls), (options!.Port, options.Tls.ToString()));
    }

    [Theory]
    [InlineData("smtp://mail.example.com?tls=none", "in clear")]
    [InlineData("smtp://mail.example.com?tls=maybe", "tls must be")]
    [InlineData("smtp://mail.example.com?connections=0", "connections must be")]
    [InlineData("smtp://mail.example.com?connections=65", "connections must be")]
    [InlineData("smtp://mail.example.com?messages=-1", "messages")]
    [InlineData("smtp://mail.example.com?conections=5", "conections")]
    [InlineData("http://mail.example.com", "must look like")]
    [InlineData("mail.example.com:25", "must look like")]
    [InlineData("smtp://mail.example.com?pass-file=/nowhere/at/all", "no file")]
    public void A_bad_url_gets_one_sentence(string url, string part)
    {
        Assert.False(RelayOptions.TryParse(url, out _, out var error));
        Assert.Contains(part, error, StringComparison.Ordinal);
    }

    [Fact]
    public void The_password_is_read_and_never_shown()
    {
        Assert.True(RelayOptions.TryParse("smtp://me:s%40cret@mail.example.com:587?connections=9", out var options, out _));
        Assert.Equal(("me", "s@cret", 9), (options!.User, options.Password, options.Connections));
        Assert.DoesNotContain("cret", options.ToString(), StringComparison.Ordinal);
    }
}
