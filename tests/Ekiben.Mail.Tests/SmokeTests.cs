namespace Ekiben.Mail.Tests;
public class SmokeTests
{
    [Fact]
    public void Prints()
    {
        var b = Sample.Compose(Sample.Source with { PreviewText = "See & buy, {{ visitor.first_name }}", Content="""
        <h1>New &amp; better</h1><p>Hello <b>{{ visitor.first_name }}</b>, see <a href="https://x.example/a?b=1&amp;c=2">our   page</a> and
        <a href="https://x.example/">https://x.example</a>, <a href="https://y.example/{{ visitor.plan }}">yours</a>.</p>
        <ul><li>one</li><li>two<ul><li>in</li></ul></li></ul><ol><li>a<li>b</ol><table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>
        <blockquote><p>Quote me<br>twice</p><p>again</p></blockquote><img src="x.png" alt="A picture"><hr><pre>a
          b</pre>end
        """});
        var m = Sample.Read(b);
        TestContext.Current.TestOutputHelper!.WriteLine(m.HtmlBody!);
        TestContext.Current.TestOutputHelper!.WriteLine(m.TextBody!);
        Assert.Equal("Hello Ann", m.Subject);
    }
}
