using System.Text;

namespace Ekiben.Mail.Markup;

/// <summary>Where in an HTML source the next character stands.</summary>
internal enum HtmlState
{
    Text, TagOpen, TagName, EndTag, BeforeName, AttributeName, AfterName, BeforeValue, DoubleQuoted, SingleQuoted, Unquoted,
    Declaration, CommentStart, Comment, Conditional, Bogus, RawText,
}

/// <summary>
/// A tokenizer of the WHATWG kind (HTML §13.2.5) that can be stopped at any character, because Liquid stands at any character. It follows
/// the source and not the tree, so that Liquid blocks keep their order. Outlook's <c>&lt;!--[if mso]&gt;</c> is read as the markup it is.
/// </summary>
internal class HtmlLexer
{
    private const int MaxName = 64;
    private readonly StringBuilder _name = new();
    private readonly StringBuilder _pending = new();

    public HtmlState State { get; private set; }

    /// <summary>Lower-case name of the tag that is open here, or whose raw text this is.</summary>
    public string Tag { get; private set; } = "";

    /// <summary>Lower-case name of the attribute whose value this is.</summary>
    public string Attribute { get; private set; } = "";

    /// <summary>Literal characters of the attribute's value so far.</summary>
    public StringBuilder Value { get; } = new();

    public bool InValue => State is HtmlState.DoubleQuoted or HtmlState.SingleQuoted or HtmlState.Unquoted;
    public bool InTag => State is HtmlState.TagOpen or HtmlState.TagName or HtmlState.BeforeName or HtmlState.AttributeName or HtmlState.AfterName
        or HtmlState.BeforeValue or HtmlState.EndTag || InValue;

    /// <summary>Text, also within style, script, title and textarea.</summary>
    protected virtual void OnText(ReadOnlySpan<char> text) { }
    /// <summary>The name of a start tag is complete; attributes follow.</summary>
    protected virtual void OnTagName() { }
    /// <summary>The name of an attribute is complete; a value may follow.</summary>
    protected virtual void OnAttribute() { }
    /// <summary>The first character of a value comes next (or the value is empty).</summary>
    protected virtual void OnValueStart() { }
    protected virtual void OnValue(char c) { }
    /// <summary>The value is complete; the character that ends it hasn't been passed.</summary>
    protected virtual void OnValueEnd() { }
    /// <summary>The &gt; of a start tag has been passed.</summary>
    protected virtual void OnStartTag() { }
    /// <summary>The &gt; of an end tag has been passed; <paramref name="name"/> is its name.</summary>
    protected virtual void OnEndTag(string name) { }
    /// <summary>A &lt; has been met; the position of the tag, should it be one.</summary>
    protected virtual void OnTagOpen() { }

    /// <summary>Index in the literal of the character being read.</summary>
    protected int Position { get; private set; }

    /// <summary>Says that a value stands here which only exists at render.</summary>
    public virtual void Hole()
    {
        switch (State)
        {
            case HtmlState.BeforeValue:
                State = HtmlState.Unquoted;
                StartValue();
                break;
            case HtmlState.TagOpen:
                Tag = "";
                _name.Clear();
                State = HtmlState.TagName;
                break;
            case HtmlState.BeforeName or HtmlState.AfterName:
                _name.Clear();
                State = HtmlState.AttributeName;
                break;
            case HtmlState.CommentStart:
                State = HtmlState.Comment;
                break;
            case HtmlState.Declaration:
                State = HtmlState.Bogus;
                break;
        }
    }

    /// <summary>Reads one piece: text as it is, a tag that makes elements as an element, anything else as a hole.</summary>
    public void Pass(Piece piece)
    {
        if (piece.Kind == PieceKind.Literal) Feed(piece.Text);
        else if (piece.IsMarkup) Feed("<i></i>");
        else Hole();
    }

    public void Feed(ReadOnlySpan<char> literal)
    {
        Position = 0;
        while (Position < literal.Length)
        {
            if (State == HtmlState.Text)
            {
                var run = literal[Position..].IndexOf('<');
                if (run < 0) run = literal.Length - Position;
                if (run > 0) OnText(literal.Slice(Position, run));
                Position += run;
                if (Position == literal.Length) break;
                OnTagOpen();
                State = HtmlState.TagOpen;
                Position++;
                continue;
            }
            Next(literal[Position]);
            Position++;
        }
    }

    private void Next(char c)
    {
        switch (State)
        {
            case HtmlState.TagOpen:
                if (c == '!') Enter(HtmlState.Declaration);
                else if (c == '/') Enter(HtmlState.EndTag);
                else if (c == '?') Enter(HtmlState.Bogus);
                else if (char.IsAsciiLetter(c))
                {
                    Enter(HtmlState.TagName);
                    Append(c);
                }
                else
                {
                    State = HtmlState.Text;
                    OnText(c == '<' ? "<" : ['<', c]);
                    if (c == '<') State = HtmlState.TagOpen;
                }
                break;
            case HtmlState.TagName:
                if (!char.IsWhiteSpace(c) && c is not ('>' or '/'))
                {
                    Append(c);
                    break;
                }
                Tag = _name.ToString();
                OnTagName();
                State = HtmlState.BeforeName;
                if (c == '>') FinishTag();
                break;
            case HtmlState.EndTag:
                if (c == '>')
                {
                    State = HtmlState.Text;
                    OnEndTag(_name.ToString().TrimEnd());
                }
                else if (!char.IsWhiteSpace(c))
                {
                    Append(c);
                }
                break;
            case HtmlState.BeforeName:
                if (c == '>') FinishTag();
                else if (!char.IsWhiteSpace(c) && c != '/')
                {
                    Enter(HtmlState.AttributeName);
                    Append(c);
                }
                break;
            case HtmlState.AttributeName:
                if (c == '=') FinishName(HtmlState.BeforeValue);
                else if (char.IsWhiteSpace(c)) FinishName(HtmlState.AfterName);
                else if (c is '/' or '>') FinishName(HtmlState.BeforeName);
                else Append(c);
                if (c == '>') FinishTag();
                break;
            case HtmlState.AfterName:
                if (c == '=') State = HtmlState.BeforeValue;
                else if (c == '>') FinishTag();
                else if (c == '/') State = HtmlState.BeforeName;
                else if (!char.IsWhiteSpace(c))
                {
                    Enter(HtmlState.AttributeName);
                    Append(c);
                }
                break;
            case HtmlState.BeforeValue:
                if (char.IsWhiteSpace(c)) break;
                if (c == '>')
                {
                    FinishTag();
                    break;
                }
                State = c switch { '"' => HtmlState.DoubleQuoted, '\'' => HtmlState.SingleQuoted, _ => HtmlState.Unquoted };
                if (State != HtmlState.Unquoted) Position++;
                StartValue();
                if (State != HtmlState.Unquoted) Position--;
                else AppendValue(c);
                break;
            case HtmlState.DoubleQuoted or HtmlState.SingleQuoted:
                if (c != (State == HtmlState.DoubleQuoted ? '"' : '\''))
                {
                    AppendValue(c);
                    break;
                }
                OnValueEnd();
                State = HtmlState.BeforeName;
                break;
            case HtmlState.Unquoted:
                if (c != '>' && !char.IsWhiteSpace(c))
                {
                    AppendValue(c);
                    break;
                }
                OnValueEnd();
                State = HtmlState.BeforeName;
                if (c == '>') FinishTag();
                break;
            default:
                NextInDeclaration(c);
                break;
        }
    }

    private void NextInDeclaration(char c)
    {
        _pending.Append(c);
        switch (State)
        {
            case HtmlState.Declaration:
                if (Pending("--")) Enter(HtmlState.CommentStart);
                else if (c == '>') State = HtmlState.Text;
                else if (!Pending("-")) State = HtmlState.Bogus;
                break;
            case HtmlState.CommentStart:
                if (c == '>' && (Pending(">") || Pending("->"))) State = HtmlState.Text;
                else if (Pending("[if")) State = HtmlState.Conditional;
                else if (!Pending("[") && !Pending("[i") && !Pending("-")) State = HtmlState.Comment;
                break;
            case HtmlState.Comment:
                if (c == '>' && EndsWith("-->")) State = HtmlState.Text;
                break;
            case HtmlState.Conditional:
                if (c == '>' && EndsWith("]>")) State = HtmlState.Text;
                break;
            case HtmlState.Bogus:
                if (c == '>') State = HtmlState.Text;
                break;
            case HtmlState.RawText:
                NextInRawText(c);
                break;
        }
        if (_pending.Length > MaxName && State != HtmlState.RawText) _pending.Remove(0, _pending.Length - 4);
    }

    /// <summary>Style, script, title and textarea end at their own end tag only.</summary>
    private void NextInRawText(char c)
    {
        // _pending holds a possible "</name" from its '<' on; anything else is text at once.
        var end = "</" + Tag;
        if (_pending.Length <= end.Length)
        {
            if (char.ToLowerInvariant(c) == end[_pending.Length - 1]) return;
        }
        else if (c == '>')
        {
            _pending.Clear();
            State = HtmlState.Text;
            OnEndTag(Tag);
            return;
        }
        else if (char.IsWhiteSpace(c))
        {
            return;
        }
        var text = _pending.ToString();
        var restart = c == '<';
        OnText(restart ? text.AsSpan(0, text.Length - 1) : text);
        _pending.Clear();
        if (restart) _pending.Append('<');
    }

    private bool Pending(string text) => _pending.Equals(text);

    private bool EndsWith(string text)
    {
        if (_pending.Length < text.Length) return false;
        for (var i = 0; i < text.Length; i++)
            if (_pending[_pending.Length - text.Length + i] != text[i]) return false;
        return true;
    }

    private void Enter(HtmlState state)
    {
        _name.Clear();
        _pending.Clear();
        State = state;
    }

    private void Append(char c)
    {
        if (_name.Length < MaxName) _name.Append(char.ToLowerInvariant(c));
    }

    private void AppendValue(char c)
    {
        Value.Append(c);
        OnValue(c);
    }

    private void FinishName(HtmlState next)
    {
        Attribute = _name.ToString();
        OnAttribute();
        State = next;
    }

    private void StartValue()
    {
        Value.Clear();
        OnValueStart();
    }

    private void FinishTag()
    {
        _pending.Clear();
        State = Tag is "style" or "script" or "title" or "textarea" ? HtmlState.RawText : HtmlState.Text;
        OnStartTag();
    }
}
