namespace Kosmos2.Imaging;

/// <summary>A picture that cannot be read or written. The message is one line that names the file.</summary>
public sealed class PictureException : IOException
{
    /// <summary>With a message.</summary>
    public PictureException(string message) : base(message)
    {
    }

    /// <summary>With a message and what caused it.</summary>
    public PictureException(string message, Exception? inner) : base(message, inner)
    {
    }
}
