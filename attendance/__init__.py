"""Who was present: faces, the people a hall has enrolled, and the raw fact of a sign-in.

Nothing measured from a face leaves the hall (人脸识别技术应用安全管理办法): what this room hands
to the records that travel is who, when, by which way and with which grade of evidence.
"""
